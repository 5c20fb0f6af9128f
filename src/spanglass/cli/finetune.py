"""`spanglass export --format openai-finetune`."""
