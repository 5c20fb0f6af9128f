"""OpenInference's own options, from its variables or its `TraceConfig`, in the words of ours.

They are those of the package openinference-instrumentation 0.1.72, which is asked for only where an uploader is.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

# `OPENINFERENCE_HIDE_INPUTS`, `TraceConfig(hide_inputs=True)` and `hide=("inputs",)` are one.
HIDEABLE = (
    "inputs",
    "outputs",
    "input_messages",
    "output_messages",
    "input_text",
    "output_text",
    "input_images",
    "llm_invocation_parameters",
    "llm_tools",
    "prompts",
    "choices",
    "embeddings_text",
    "embeddings_vectors",
    "embedding_vectors",  # an older name of the same
    "retrieval_documents",
)
MEDIA = 32_000
MOST = 4_000_000
UPLOADER = "OPENINFERENCE_BLOB_UPLOADER"
WITH_GEN_AI = ("openinference", "spanglass", "gen_ai")
_OFF = frozenset({"", "false", "0", "no", "off"})


def of_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings that OpenInference's variables make; what is neither true nor false hides."""
    found: dict[str, Any] = {"hide": tuple(name for name in HIDEABLE if _on(environ, f"HIDE_{name.upper()}"))}
    length = environ.get("OPENINFERENCE_BASE64_IMAGE_MAX_LENGTH", "").strip()
    if length.isdecimal():
        found["max_media_bytes"] = min(int(length), MOST)
    if _on(environ, "ENABLE_GENAI_SEMCONV"):
        found["conventions"] = WITH_GEN_AI
    if environ.get(UPLOADER, "").strip():
        found["uploader"] = _uploader(environ[UPLOADER].strip())
    return found


def of_config(config: Any) -> dict[str, Any]:
    """Return the settings that a `TraceConfig` makes: what it has at its defaults says nothing."""
    found: dict[str, Any] = {"hide": tuple(name for name in HIDEABLE if getattr(config, f"hide_{name}", False))}
    length = getattr(config, "base64_image_max_length", MEDIA)
    if length.__class__ is int and length != MEDIA:
        found["max_media_bytes"] = max(0, min(length, MOST))
    if getattr(config, "enable_genai_semconv", False):
        found["conventions"] = WITH_GEN_AI
    if getattr(config, "blob_uploader", None) is not None:
        found["uploader"] = config.blob_uploader
    return found


def _on(environ: Mapping[str, str], name: str) -> bool:
    return environ.get(f"OPENINFERENCE_{name}", "").strip().lower() not in _OFF


def _package() -> Any:
    try:
        return import_module("openinference.instrumentation")
    except ImportError:
        message = f"{UPLOADER} needs the package openinference-instrumentation: install it, or unset the variable."
        raise ValueError(message) from None


def _uploader(name: str) -> Any:
    return _package().load_blob_uploader(name)  # which tells of a name that nobody has registered


def upload(uploader: Any, raw: bytes, mime: str) -> str | None:
    """Hand a medium to OpenInference's `BlobUploader`, and return the URI that it will be found under."""
    uri: str | None = uploader.upload(_package().Blob(data=raw, mime_type=mime))
    return uri
