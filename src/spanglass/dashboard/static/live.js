// Keeps <main> as the server has it: asks once a second for what is new, while the page is seen.
"use strict";

const EVERY = 1000;
let tag = null;

async function renew() {
  const headers = { "x-spanglass-live": "1" };
  if (tag) headers["if-none-match"] = tag;
  const answer = await fetch(location.href, { headers, cache: "no-store" });
  if (answer.status === 200) {
    const next = answer.headers.get("etag");
    const text = await answer.text();
    if (tag !== null) document.querySelector("main").innerHTML = text;
    tag = next;
  }
}

async function watch() {
  try {
    if (!document.hidden) await renew();
  } catch {
    // The dashboard has ended, or is being started anew: it is asked again.
  }
  setTimeout(watch, EVERY);
}

watch();
