// The try-it page. All that concerns the gateway's protocols is in client.js.
import { GatewayClient } from "/client.js";

const names = { websocket: "WebSocket", http_sse: "Event stream" };
const tags = { websocket: "WS", http_sse: "SSE" };
const newest = 200;
const $ = (/** @type {string} */ id) => document.getElementById(id);

/** @type {GatewayClient|null} */ let client = null;
const links = {
  websocket: { state: "idle", received: 0, outcome: "", retryAt: 0, reason: "" },
  http_sse: { state: "idle", received: 0, outcome: "", retryAt: 0, reason: "" },
};
let active = null;
/** Kept in memory only: what a browser stores, others find. */
let token = "";
const topics = new Set();

// ---- Client ----

function start() {
  client?.close();
  const clientId = $("client-id").value.trim();
  remember("client_id", clientId);
  for (const link of Object.values(links)) Object.assign(link, { state: "idle", received: 0, outcome: "", reason: "" });
  active = null;
  $("second").href = `/?client_id=${randomID()}&to=${encode(clientId)}`;
  token = $("token").value.trim();
  client = new GatewayClient({ clientId, token: token || undefined, tickets: true, topics: [...topics], delivery: $("both").checked ? "all" : "active" });
  client.on("state", changed);
  client.on("connected", connected);
  client.on("switched", ({ to, reason }) => {
    active = to;
    note(`now carried by ${names[to]}${reason ? ` (${words(reason)})` : ""}`, { transport: to });
    show();
  });
  client.on("arrival", arrived);
  client.on("gap", ({ from, to, reason }) => {
    const range = to === null ? "what had not arrived" : from === to ? `message ${from}` : `messages ${from} to ${to}`;
    note(`${range} will not come: ${words(reason)}`, { kind: "gap" });
  });
  client.on("error", (error) => note(plain(error), { kind: "bad" }));
  client.connect();
  curl("GET", `/mcp/sse?client_id=${encode(clientId)}${topicQuery()}`);
  $("apply").textContent = "Reconnect as this client";
  $("apply").hidden = true;
  show();
}

function changed({ transport, state, retryIn, reason, error }) {
  const link = links[transport];
  const before = link.state;
  Object.assign(link, { state, retryAt: retryIn === undefined ? 0 : Date.now() + retryIn, reason: error ? plain(error) : reason ?? "" });
  if (state !== "open" && active === transport) active = Object.keys(links).find((name) => links[name].state === "open") ?? null;
  if (before === "open" && state !== "open") note(state === "idle" ? "cut" : `lost: ${words(link.reason)}`, { transport, kind: state === "idle" ? "event" : "bad" });
  else if (state === "stopped") note(`gave up: ${words(link.reason)}`, { transport, kind: "bad" });
  show();
}

function connected(info) {
  const link = links[info.transport];
  const standsBy = info.active === false;
  if (!standsBy) active = info.transport;
  link.outcome = info.recovered ? `recovered, ${info.replayed} replayed` : `from sequence ${info.next_sequence}`;
  note(`connected: ${outcome(info, standsBy)}`, { transport: info.transport });
  show();
}

function outcome(info, standsBy) {
  if (info.recovered) return `recovered: true, replayed: ${info.replayed}`;
  if (info.resumedFrom === null) return `${standsBy ? "stands by" : "new session"}, next sequence ${info.next_sequence}`;
  return `recovered: false (${words(info.reason)}), replayed: ${info.replayed}`;
}

// ---- What arrives ----

/** @type {HTMLLIElement[]} */ const pending = [];

function arrived(message, via, { duplicate }) {
  const { transport, event } = via;
  if (event === "heartbeat" || event === "debug") {
    if (!$("quiet").checked) note(event, { transport });
    return;
  }
  if (["gap", "transport_switched", "gateway_error", "error", "gateway_close"].includes(event)) {
    return; // told in words by their own handlers
  }
  links[transport].received += 1;
  const way = [message.from && `from ${message.from}`, message.topic && `in ${message.topic}`, event !== "message" && `event ${event}`].filter(Boolean).join(", ");
  const row = line({ transport, place: String(message.sequence), kind: duplicate ? "again" : "message" });
  row.lastChild.append(element("b", message.type), " ", element("span", way ? `${way} ` : "", "way"), element("code", short(JSON.stringify(message.data))));
  if (duplicate) row.lastChild.append(element("span", " had it already", "way"));
  add(row);
  show();
}

function note(text, { transport = null, kind = "event" } = {}) {
  const row = line({ transport, place: "", kind });
  row.lastChild.textContent = text;
  add(row);
}

function line({ transport, place, kind }) {
  const row = element("li", "", kind);
  const now = new Date();
  const time = element("time", `${now.toTimeString().slice(0, 8)}.${String(now.getMilliseconds()).padStart(3, "0")}`);
  row.append(time, element("span", transport ? tags[transport] : "", transport ? `tag ${transport}` : ""), element("span", place, "place"), element("span", "", "body"));
  return row;
}

/** Rows are put into the page once a frame, so that a flood costs no more than what can be seen. */
function add(row) {
  if (pending.push(row) > newest) pending.shift();
  if (pending.length > 1) return;
  setTimeout(() => {
    const rows = pending.splice(0).reverse();
    const list = $("list");
    list.prepend(...rows);
    while (list.childElementCount > newest) list.lastElementChild.remove();
    $("empty").hidden = list.childElementCount > 0;
  }, 16);
}

// ---- Sending ----

async function send() {
  const target = document.querySelector("input[name=target]:checked").value;
  const data = parse($("data").value);
  const address = $("address").value.trim();
  if (target !== "echo" && !address) {
    result(target === "client" ? "Which client? Its id is missing." : "Which topic? Its name is missing.", true);
    return $("address").focus();
  }
  try {
    if (target === "echo") {
      curl("POST", "/mcp/push", { client_id: client.options.clientId, type: "echo", data });
      result("waiting for a connection …");
      const { id } = await client.send("echo", data);
      result(`accepted, id ${id}`);
    } else {
      const type = $("type").value.trim() || "message";
      const answer = await post(target === "client" ? { client_id: address, type, data } : { topic: address, type, data });
      const nobody = answer.delivered + answer.queued === 0;
      result(nobody ? "accepted, but nobody is subscribed to this topic" : `accepted: ${answer.delivered} delivered, ${answer.queued} waiting for an absent client`);
    }
  } catch (error) {
    result(plain(error), true);
  }
}

async function post(body, show = true) {
  if (show) curl("POST", "/mcp/messages", body);
  const answer = await fetch("/mcp/messages", { method: "POST", headers: { "Content-Type": "application/json", ...(token ? { Authorization: `Bearer ${token}` } : {}) }, body: JSON.stringify(body) });
  const content = await answer.json().catch(() => null);
  if (!answer.ok) throw Object.assign(new Error(content?.reason ?? ""), { code: content?.error ?? `http_${answer.status}`, reason: content?.reason, retryAfter: content?.retry_after });
  return content;
}

async function demonstrate() {
  const to = client.options.clientId;
  const body = (/** @type {number} */ n) => ({ client_id: to, type: "while-away", data: { message: n, of: 3 } });
  $("demo").disabled = true;
  try {
    note("“Show a resume”: cut both, send three messages, come back");
    client.disconnect();
    await pause(400);
    for (const n of [1, 2, 3]) await post(body(n), n === 1);
    await pause(400);
  } catch (error) {
    note(plain(error), { kind: "bad" });
  }
  client.connect();
  $("demo").disabled = false;
}

async function subscribe(topic) {
  if (!topic || topics.has(topic)) return;
  topics.add(topic);
  remember("topics", JSON.stringify([...topics]));
  curl("GET", `/mcp/sse?client_id=${encode(client.options.clientId)}${topicQuery()}`);
  show();
  await client.subscribe(topic).then(() => note(`subscribed to ${topic}`), (error) => {
    topics.delete(topic);
    note(`not subscribed to ${topic}: ${plain(error)}`, { kind: "bad" });
    show();
  });
}

async function unsubscribe(topic) {
  topics.delete(topic);
  remember("topics", JSON.stringify([...topics]));
  show();
  await client.unsubscribe(topic).then(() => note(`unsubscribed from ${topic}`), (error) => note(plain(error), { kind: "bad" }));
}

// ---- Page ----

function show() {
  for (const [name, link] of Object.entries(links)) {
    const card = $(name);
    const carries = $("both").checked || active === name;
    card.dataset.state = link.state;
    card.dataset.role = carries ? "active" : "standby";
    const wait = Math.max(0, Math.ceil((link.retryAt - Date.now()) / 1000));
    const status = {
      idle: "cut", connecting: "connecting …", open: carries ? "open, carries messages" : "open, stands by",
      waiting: `again in ${wait} s`, stopped: "stopped",
    }[link.state];
    const counted = link.received === 1 ? "1 message" : `${link.received} messages`;
    const detail = link.state === "open" ? `${link.outcome} · ${counted}` : words(link.reason);
    set(card.querySelector(".status"), status);
    set(card.querySelector(".detail"), detail);
    set(card.querySelector(".toggle"), link.state === "idle" || link.state === "stopped" ? "Connect" : "Cut");
  }
  const both = $("both").checked && Object.values(links).every((link) => link.state === "open");
  set($("active"), both ? "both" : active ? names[active] : "nothing");
  const [epoch, ...sequence] = (client?.lastEventId ?? "–").split("-");
  set($("epoch"), epoch || "–");
  set($("sequence"), sequence.join("-") === "-1" ? "none yet" : sequence.join("-") || "–");
  const chips = [...topics].map((topic) => {
    const chip = element("li", topic);
    const remove = element("button", "×");
    remove.type = "button";
    remove.setAttribute("aria-label", `Unsubscribe from ${topic}`);
    remove.addEventListener("click", () => unsubscribe(topic));
    chip.append(remove);
    return chip;
  });
  if (chips.length !== $("topics").childElementCount || chips.some((chip, i) => chip.textContent !== $("topics").children[i].textContent)) $("topics").replaceChildren(...chips);
}

/** Shows what was done as a command. */
function curl(method, path, body) {
  const address = quote(location.origin + path);
  const proof = token ? ` \\\n  -H "Authorization: Bearer $TOKEN"` : "";
  $("curl").textContent = method === "GET" ? `curl -N ${address}${proof}` : `curl ${address}${proof} \\\n  -H 'Content-Type: application/json' \\\n  -d ${quote(JSON.stringify(body))}`;
}

async function copy() {
  const text = $("curl").textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch { // only secure origins have a clipboard
    const range = document.createRange();
    range.selectNodeContents($("curl"));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    document.execCommand("copy");
  }
  set($("copy"), "Copied");
  setTimeout(() => set($("copy"), "Copy"), 1500);
}

/** What went wrong, for people. */
function plain(error) {
  const after = error.retryAfter ? ` Try again in ${error.retryAfter} s.` : "";
  switch (error.code) {
    case "rate_limit_exceeded": return `Too many messages at once.${after}`;
    case "message_too_large": return "The message is too large.";
    case "invalid_client_id": return "A client id has 1 to 128 characters of A–Z a–z 0–9 . _ - : @";
    case "queue_full": return "Too many messages are waiting for a connection.";
    case "timeout": return "The gateway did not answer in time.";
    case "unreachable": return "The gateway cannot be reached. Is it running?";
    case "overloaded": return `The gateway has no room right now.${after}`;
    case "authentication_failed": return token ? `This gateway does not take the token${error.reason === "token_expired" ? ": it has expired" : error.reason === "token_revoked" ? ": it was revoked" : ""}.` : "This gateway wants a token: put one in beside the client id.";
    case "closed": return "The client was closed before the message was sent.";
  }
  if (error instanceof TypeError) return "The gateway cannot be reached. Is it running?";
  return words(error.reason || error.message || error.code) + (after && `.${after}`);
}

/** A code of the gateway as words. */
function words(reason) {
  const known = {
    new: "a new session", epoch: "the log began anew", trimmed: "the log no longer reaches back that far", ahead: "the place is beyond the log's end",
    unheard: "events under a name that this page does not listen for", missing: "lost under way", disconnected: "the other connection has gone",
    preferred: "the better transport is back", resumed: "it was resumed there", missing_fields: "type and data are required", silent: "nothing was heard for too long",
  };
  if (String(reason).startsWith("missing_fields:")) return `something is missing: ${reason.slice(16)}`;
  return known[reason] ?? String(reason ?? "").replaceAll("_", " ");
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function element(name, text = "", className = "") {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function set(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function result(text, bad = false) {
  set($("result"), text);
  $("result").className = bad ? "bad" : "";
}

function remember(key, value) {
  try {
    sessionStorage.setItem(key, value);
  } catch { /* a private window may have no storage */ }
}

function recall(key) {
  try {
    return sessionStorage.getItem(key);
  } catch {
    return null;
  }
}

const quote = (/** @type {string} */ text) => `'${text.replaceAll("'", "'\\''")}'`;
const short = (/** @type {string|undefined} */ text) => (text === undefined ? "" : text.length > 600 ? `${text.slice(0, 600)} … (${text.length} characters)` : text);
const pause = (/** @type {number} */ ms) => new Promise((done) => setTimeout(done, ms));
const randomID = () => `guest-${Array.from(crypto.getRandomValues(new Uint8Array(3)), (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
const encode = (/** @type {string} */ text) => encodeURIComponent(text).replaceAll("%3A", ":").replaceAll("%40", "@");
const topicQuery = () => (topics.size ? `&topics=${[...topics].map(encode).join(",")}` : "");

function on(id, event, handler) {
  $(id).addEventListener(event, (happened) => {
    if (event === "submit") happened.preventDefault();
    handler(happened);
  });
}

on("identity", "submit", start);
for (const id of ["client-id", "token"]) {
  on(id, "input", () => ($("apply").hidden = $("client-id").value.trim() === client?.options.clientId && $("token").value.trim() === token));
}
on("random", "click", () => {
  $("client-id").value = randomID();
  start();
});
on("both", "change", start);
on("demo", "click", demonstrate);
on("send", "submit", send);
on("data", "keydown", (key) => key.key === "Enter" && (key.ctrlKey || key.metaKey) && send());
on("subscribe", "submit", () => {
  subscribe($("topic").value.trim());
  $("topic").value = "";
});
on("copy", "click", copy);
on("clear", "click", () => {
  $("list").replaceChildren();
  $("empty").hidden = false;
});
for (const radio of document.querySelectorAll("input[name=target]")) {
  radio.addEventListener("change", () => {
    $("address-row").hidden = radio.value === "echo";
    set($("address-label"), radio.value === "client" ? "Client id" : "Topic");
    $("address").value = radio.value === "client" ? query.get("to") ?? client.options.clientId : [...topics][0] ?? "room:lobby";
    result("");
  });
}
for (const name of Object.keys(links)) {
  $(name).querySelector(".toggle").addEventListener("click", () => {
    if (links[name].state === "idle" || links[name].state === "stopped") client.connect(name);
    else client.disconnect(name);
  });
}

const query = new URLSearchParams(location.search);
$("client-id").value = query.get("client_id") ?? recall("client_id") ?? randomID();
for (const topic of (query.get("topics")?.split(",") ?? JSON.parse(recall("topics") ?? "[]")).filter(Boolean)) topics.add(topic);
setInterval(() => Object.values(links).some((link) => link.state === "waiting") && show(), 500);
start();
if (query.has("to")) document.querySelector("input[value=client]").click();
