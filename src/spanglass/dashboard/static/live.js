// What every page does in a browser, driven by attributes of the templates. All of it works without, as links and forms.
//
//   <main data-live="TAG">   is kept as the server has it: asked for about once a second while the page is seen. Elements
//                            stay the same ones (by their id, else by their place), so that focus, scroll, what is open
//                            and what is animated survive: give an id to whatever may come, go or move in a list.
//                            Nothing is renewed while a text is selected in it, or the focus is in a field of it.
//   data-row                 an element of a list that j and k (in a row also the arrows) go through: a link, or what
//                            holds one (`a[data-open]`, else its first). The link has the focus, so that Enter opens it.
//                            A click anywhere in the row opens it too. Where it begins: at [aria-current], else on top.
//                            data-row="follow": what is gone to is opened at once (with data-swap: without a reload).
//   a[data-swap]             leads to the same page with another query: opened in place, with the address of its own.
//   data-key="o", "g s"      a link or a button that is pressed by these keys, one after the other. u, and Backspace,
//                            lead up: to [data-key="u"], else to the list that the page is of, as it was left.
//   data-search              the field that / goes to; Esc leaves any field.
//   dialog#keys, data-keys   what ? shows, and a button that shows it too.
//   data-copy="#id"          a button, hidden without a script, that copies the text of another element.
//   <time datetime>          is written in local time; data-precise adds milliseconds, data-ago says how long ago it was.
//   form[data-lean]          a GET form outside of main that says what main shows: sent in place, at once where a box or
//                            a choice changes, without its empty fields. A field of `datetime-local` shows local time and
//                            sends UTC; one with data-added is emptied, as main tells what was added.
//   data-new                 stands for two seconds at a row that has just come.
"use strict";

const EVERY = 1000;
const SLOWEST = 10000;
const MARKED = 2000;
const REPEATED = 60;
const main = document.querySelector("main");
const sign = document.querySelector("#live");

// ---- renewal

let tag = main.dataset.live || null;
let paused = false;
let timer = 0;
let asking = false;

const here = () => location.pathname + location.search;
const watched = () => "live" in main.dataset;

function busy() {
  const selection = getSelection();
  const reading = selection && !selection.isCollapsed && main.contains(selection.anchorNode);
  return reading || (document.activeElement.matches("input, textarea, select") && main.contains(document.activeElement));
}

function say(state) {
  if (!sign || sign.dataset.state === state) return;
  sign.hidden = false;
  sign.dataset.state = state;
  sign.querySelector("[data-said]").textContent = { live: "live", paused: "paused", lost: "not answering" }[state];
  sign.setAttribute("aria-pressed", String(state === "paused"));
}

async function renew() {
  const address = here();
  const headers = { "x-spanglass-live": "1" };
  if (tag) headers["if-none-match"] = tag;
  const answer = await fetch(address, { headers, cache: "no-store" });
  if (answer.status === 304) return;
  if (!answer.ok) throw new Error(String(answer.status));
  const text = await answer.text();
  if (address !== here() || busy()) return; // asked again, as the tag is the old one
  show(text);
  tag = answer.headers.get("etag");
}

async function watch() {
  clearTimeout(timer);
  if (asking || !watched()) return;
  let wait = EVERY;
  if (paused || document.hidden) {
    say("paused");
    return;
  }
  const begun = performance.now();
  asking = true;
  try {
    if (!busy()) await renew();
    say("live");
  } catch {
    say("lost"); // it has ended, or is being started anew: it is asked again
    wait = 2 * EVERY;
  } finally {
    asking = false;
  }
  // What takes the server long is asked for less often: at most a fifth of its time goes there.
  timer = setTimeout(watch, Math.min(Math.max(wait, 4 * (performance.now() - begun)), SLOWEST));
}

function pause() {
  paused = !paused;
  watch();
}

// ---- the new page into the old one

function show(text) {
  const next = document.createElement("template");
  next.innerHTML = text;
  dress(next.content);
  const focused = document.activeElement;
  const held = hold();
  merge(main, next.content);
  held();
  if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true }); // it was moved
}

// What is read stays where it is on the screen, whatever comes above it, unless the top is looked at.
function hold() {
  if (!scrollY) return () => {};
  const top = (element) => element.getBoundingClientRect().top;
  const seen = (element) => top(element) >= 0 && top(element) < innerHeight;
  const focused = document.activeElement.closest("main [id], main [data-row]");
  const read = focused && seen(focused) ? focused : [...main.querySelectorAll("[data-row], [id]")].find(seen);
  const before = read && top(read);
  return () => read && read.isConnected && scrollBy({ top: top(read) - before, behavior: "instant" });
}

function merge(old, next) {
  const wanted = new Set([...next.children].map((each) => each.id).filter(Boolean));
  const kept = new Map([...old.children].filter((each) => wanted.has(each.id)).map((each) => [each.id, each]));
  let place = old.firstChild;
  for (const node of [...next.childNodes]) {
    while (place && place.id && !wanted.has(place.id)) place = dropped(place);
    const same = node.id ? kept.get(node.id) : place && !place.id ? place : null;
    if (same && same.nodeName === node.nodeName) {
      if (same === place) place = place.nextSibling;
      else old.insertBefore(same, place);
      update(same, node);
    } else {
      if (same && same === place) place = dropped(place);
      old.insertBefore(node, place);
      mark(node);
    }
  }
  while (place) place = dropped(place);
}

function dropped(node) {
  const following = node.nextSibling;
  node.remove();
  return following;
}

function update(old, next) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== next.nodeValue) old.nodeValue = next.nodeValue;
    return;
  }
  if (old.isEqualNode(next)) return;
  const own = (name) => name === "data-new" || (name === "open" && old.nodeName === "DETAILS"); // the reader's, not ours
  for (const name of old.getAttributeNames()) if (!next.hasAttribute(name) && !own(name)) old.removeAttribute(name);
  for (const name of next.getAttributeNames()) {
    if (old.getAttribute(name) !== next.getAttribute(name) && !own(name)) old.setAttribute(name, next.getAttribute(name));
  }
  merge(old, next);
}

function mark(node) {
  if (node.nodeType !== Node.ELEMENT_NODE) return;
  for (const row of [node, ...node.querySelectorAll("[data-row]")]) {
    if (!row.matches("[data-row]")) continue;
    row.setAttribute("data-new", "");
    setTimeout(() => row.removeAttribute("data-new"), MARKED);
  }
}

// ---- times

const two = (number) => String(number).padStart(2, "0");
const day = (when) => `${when.getFullYear()}-${two(when.getMonth() + 1)}-${two(when.getDate())}`;
const AGES = [[60, 1, "s"], [3600, 60, "min"], [86400, 3600, "h"], [Infinity, 86400, "d"]];

function ago(when) {
  const seconds = (Date.now() - when) / 1000;
  if (seconds < 2) return "just now";
  const [, unit, name] = AGES.find(([below]) => seconds < below);
  return `${Math.floor(seconds / unit)} ${name} ago`;
}

function local(when, precise) {
  const clock = `${two(when.getHours())}:${two(when.getMinutes())}:${two(when.getSeconds())}`;
  const fine = precise ? `.${String(when.getMilliseconds()).padStart(3, "0")}` : "";
  return day(when) === day(new Date()) ? clock + fine : `${day(when)} ${clock}${fine}`;
}

function dress(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const when = new Date(time.dateTime);
    if (Number.isNaN(when.getTime())) continue;
    write(time, "ago" in time.dataset ? ago(when) : local(when, "precise" in time.dataset));
    if (time.title !== String(when)) time.title = String(when);
  }
  for (const button of root.querySelectorAll("[data-copy], [data-keys]")) button.hidden = false;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function age() {
  if (!document.hidden && !busy()) for (const time of main.querySelectorAll("time[data-ago]")) write(time, ago(new Date(time.dateTime)));
}

// ---- keys

let last = "";
let begun = "";
let since = 0;
let following = 0;

const linkOf = (row) => (row.matches("a[href]") ? row : row.querySelector("a[data-open]") || row.querySelector("a[href]"));
const press = (element) => element.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }));

function move(step) {
  const rows = [...document.querySelectorAll("[data-row]")].filter((row) => linkOf(row) && row.getClientRects().length);
  const current = document.activeElement.closest("[data-row]") || (last && document.getElementById(last)) || document.querySelector("[data-row][aria-current]");
  const at = rows.indexOf(current);
  const row = rows[at < 0 ? 0 : Math.min(Math.max(at + step, 0), rows.length - 1)];
  if (!row) return;
  linkOf(row).focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
  last = row.id;
  if (row.dataset.row === "follow") follow(linkOf(row));
}

// Where a key is held down, only the row where it ends is opened; the way back leads past all of them.
function follow(link) {
  clearTimeout(following);
  following = setTimeout(() => {
    if (!("swap" in link.dataset)) return press(link);
    history.replaceState(null, "", link.getAttribute("href"));
    swap();
  }, REPEATED);
}

// The list that this page is of, as it was when it was left.
function up() {
  const link = document.querySelector('nav a[aria-current="true"]');
  if (link) location.href = left(link.pathname) || link.href;
}

function left(path, address) {
  try {
    if (address) sessionStorage.setItem(path, address);
    return sessionStorage.getItem(path);
  } catch {
    return null; // in a frame that may keep nothing
  }
}

function search(field) {
  field?.focus();
  field?.select();
}

const KEYS = {
  j: () => move(1),
  k: () => move(-1),
  ArrowDown: () => move(1),
  ArrowUp: () => move(-1),
  "/": () => search(document.querySelector("[data-search]")),
  "?": () => document.querySelector("#keys")?.showModal(),
  p: pause,
  u: up,
};

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.target.matches("input, textarea, select")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.key.startsWith("Arrow") && !event.target.closest("[data-row]")) return; // there they scroll
  const key = event.key === "Backspace" ? "u" : event.key;
  const started = event.timeStamp - since < 1500 ? begun : "";
  const target = keyed(started ? `${started} ${key}` : key) || keyed(key);
  begun = "";
  if (target) press(target);
  else if (document.querySelector(`[data-key^="${CSS.escape(key)} "]`)) [begun, since] = [key, event.timeStamp];
  else if (KEYS[key]) KEYS[key]();
  else return;
  event.preventDefault();
});

const keyed = (keys) => document.querySelector(`[data-key="${CSS.escape(keys)}"]`);

document.addEventListener("focusin", (event) => {
  const row = event.target.closest("[data-row]");
  if (row) last = row.id;
});

// ---- clicks

document.addEventListener("click", (event) => {
  const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  if (!plain || event.defaultPrevented) return;
  const link = event.target.closest("a[data-swap]");
  const row = event.target.closest("[data-row]");
  if (link) {
    event.preventDefault();
    history.pushState(null, "", link.getAttribute("href"));
    swap();
  } else if (row && !event.target.closest("a, button, summary, input, label, select") && getSelection().isCollapsed) {
    press(linkOf(row));
  } else if (event.target.closest("[data-keys]")) {
    document.querySelector("#keys").showModal();
  } else if (event.target.closest("[data-copy]")) {
    copy(event.target.closest("[data-copy]"));
  } else if (event.target.closest("#live")) {
    pause();
  }
});

async function swap() {
  tag = null;
  try {
    await renew();
  } catch {
    location.reload();
  }
}

async function copy(button) {
  const said = button.textContent;
  try {
    await navigator.clipboard.writeText(document.querySelector(button.dataset.copy).textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(document.querySelector(button.dataset.copy)); // on another host only so
    button.textContent = "Press Ctrl-C";
  }
  setTimeout(() => (button.textContent = said), MARKED);
}

// ---- forms

function prepare(form) {
  for (const field of form.querySelectorAll("input[type=datetime-local][data-utc]")) {
    const when = new Date(field.dataset.utc);
    if (!Number.isNaN(when.getTime())) field.value = `${day(when)}T${two(when.getHours())}:${two(when.getMinutes())}`;
  }
  for (const zone of form.querySelectorAll("[data-zone]")) zone.textContent = "local time";
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    history.pushState(null, "", form.action + query(form));
    for (const field of form.querySelectorAll("[data-added]")) field.value = ""; // it is among those in force now
    swap();
  });
  form.addEventListener("change", (event) => {
    if (event.target.matches("select, input[type=checkbox]")) form.requestSubmit();
  });
}

function query(form) {
  const filled = [...new FormData(form)].filter(([, value]) => value.trim());
  const sent = filled.map(([name, value]) => {
    const local = form.elements[name].type === "datetime-local";
    return [name, local ? `${new Date(value).toISOString().slice(0, 16)}Z` : value];
  });
  return sent.length ? `?${new URLSearchParams(sent)}` : "";
}

const forms = [...document.querySelectorAll("form[data-lean]")];
forms.forEach(prepare);
if (forms.length) addEventListener("pagehide", () => left(location.pathname, here()));
addEventListener("popstate", () => (forms.length ? location.reload() : swap())); // its fields are those of another address

dress(document);
document.addEventListener("visibilitychange", watch);
setInterval(age, EVERY);
timer = setTimeout(watch, EVERY);
if (watched()) say("live");
