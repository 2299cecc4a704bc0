// The dashboard of mcp-gateway: an event stream of snapshots, shown. No framework, nothing from elsewhere.

import { viableSystem } from "/metrics/dashboard/viability.js";

const $ = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const transports = ["websocket", "http_sse"];
const titles = { websocket: "WebSocket", http_sse: "Event stream", longpoll: "Long poll" };
const HISTORY = 120;

/** An element with text and children; text is never taken as markup. */
function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "on") for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
    else if (value !== undefined && value !== null && value !== false) node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Sets text only where it differs, so that selections and screen readers are left alone. */
function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// ---- Numbers

const number = (value) => value == null ? "–"
  : Math.abs(value) >= 100 || Number.isInteger(value) ? whole.format(value)
  : value >= 10 ? value.toFixed(1) : value.toFixed(2).replace(/\.?0+$/, "");

function bytes(value) {
  if (value == null) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < units.length - 1) { value /= 1024; unit += 1; }
  return `${unit === 0 ? whole.format(value) : value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ${units[unit]}`;
}

function milliseconds(value) {
  if (value == null) return "–";
  if (value >= 1000) return `${(value / 1000).toFixed(value < 10_000 ? 2 : 1)} s`;
  return `${value >= 100 ? whole.format(value) : value >= 10 ? value.toFixed(1) : value.toFixed(2)} ms`;
}

function duration(seconds) {
  if (seconds == null) return "–";
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds / 60) % 60} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor(seconds / 3600) % 24} h`;
}

const clock = (timestamp) => {
  const time = new Date(timestamp);
  return Number.isNaN(time.getTime()) ? timestamp : time.toLocaleTimeString("en-GB", { hour12: false });
};

/** A number with its unit set small. */
function figure(id, text) {
  const [, value, unit] = /^(\S+)(?:\s(.*))?$/.exec(text) ?? [null, text, ""];
  if ($(id).dataset.text === text) return;
  $(id).dataset.text = text;
  $(id).replaceChildren(value, ...(unit ? [element("span", {}, unit)] : []));
}

// ---- Sparklines

const histories = { connections: [], rate: [], latency: [], errors: [] };

function spark(name, value) {
  const history = histories[name];
  history.push(value ?? 0);
  if (history.length > HISTORY) history.shift();
  const svg = $(`spark-${name}`);
  svg.setAttribute("viewBox", "0 0 120 40");
  const most = Math.max(...history, name === "errors" ? 4 : name === "latency" ? 0.1 : 1);
  const points = history.map((one, index) => {
    const x = history.length > 1 ? index / (history.length - 1) * 120 : 0;
    return `${x.toFixed(2)},${(37 - one / most * 32).toFixed(2)}`;
  });
  const first = points[0].split(",")[0];
  const paths = svg.children.length ? [...svg.children] : ["area", "line"].map((kind) => {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("class", kind);
    svg.append(path);
    return path;
  });
  paths[0].setAttribute("d", `M${first},40L${points.join("L")}L120,40Z`);
  paths[1].setAttribute("d", `M${points.join("L")}${points.length === 1 ? "L120," + points[0].split(",")[1] : ""}`);
  svg.classList.toggle("bad", name === "errors" && history.at(-1) > 0);
}

// ---- Tables that change in place

/** Brings a table's body into agreement with rows of `{ key, cells }`; a cell is a text or a node-making function. */
function rows(table, list) {
  const body = table.tBodies[0];
  const known = new Map([...body.rows].map((row) => [row.dataset.key, row]));
  list.forEach(({ key, cells, row: attributes }, index) => {
    let row = known.get(key);
    known.delete(key);
    if (!row) {
      row = element("tr", { "data-key": key, ...attributes });
      for (const cell of cells) row.append(element("td", cell.class ? { class: cell.class } : {}));
    }
    if (body.rows[index] !== row) body.insertBefore(row, body.rows[index] ?? null);
    cells.forEach((cell, place) => {
      const node = row.cells[place];
      if (typeof cell === "string") {
        write(node, cell);
        node.classList.toggle("zero", cell === "0" || cell === "–");
      } else if (node.dataset.text !== cell.text) {
        node.dataset.text = cell.text;
        node.replaceChildren(...cell.nodes());
      }
    });
  });
  for (const row of known.values()) row.remove();
}

const cell = (text, nodes, name) => ({ text, nodes, class: name });

function meter(part, warnAt = 0.7, badAt = 0.9) {
  const bar = element("i");
  bar.style.width = `${Math.min(100, Math.max(part > 0 ? 1.5 : 0, part * 100)).toFixed(1)}%`;
  return element("div", { class: `meter ${part >= badAt ? "bad" : part >= warnAt ? "warn" : ""}` }, bar);
}

function definitions(list, entries) {
  const key = JSON.stringify(entries.map(([name, value, part]) => [name, value, part && Math.round(part * 200)]));
  if (list.dataset.key === key) return;
  list.dataset.key = key;
  list.replaceChildren(...entries.flatMap(([name, value, part]) => [
    element("dt", {}, name), element("dd", {}, value),
    ...(part === undefined ? [] : [element("dd", { class: "span" }, meter(part))]),
  ]));
}

// ---- Snapshots

let administrator = false;
let lastSnapshot = 0;
let waiting;

function show(snapshot) {
  lastSnapshot = Date.now();
  document.body.classList.remove("stale");
  const { stats, transports: live, process } = snapshot;
  const sum = (of) => transports.reduce((total, name) => total + (of(name) ?? 0), 0);
  write($("subtitle"), `${stats.node} · up ${duration(stats.uptime_seconds)}`);
  document.title = `${stats.node} · mcp-gateway`;
  $("readiness").className = `pill ${snapshot.ready ? "good" : "bad"}`;
  write($("readiness"), snapshot.ready ? "ready" : "not ready");

  const connections = sum((name) => stats[name].connections);
  const rate = sum((name) => live[name].per_second);
  const busiest = transports.filter((name) => live[name].p99_ms != null);
  const recent = busiest.filter((name) => live[name].recent);
  const latency = busiest.length ? Math.max(...(recent.length ? recent : busiest).map((name) => live[name].p99_ms)) : null;
  const errors = sum((name) => stats[name].errors_per_minute);
  figure("connections", whole.format(connections));
  write($("connections-aside"), `${whole.format(stats.sessions)} sessions, ${whole.format(stats.topics)} topics`);
  figure("rate", number(Math.round(rate * 10) / 10));
  write($("rate-aside"), `${bytes(sum((name) => live[name].bytes_per_second))}/s out, ${number(Math.round(sum((name) => live[name].received_per_second)))} messages/s in`);
  figure("latency", milliseconds(latency));
  write($("latency-aside"), latency == null ? "nothing delivered yet" : recent.length
    ? `half within ${milliseconds(Math.max(...recent.map((name) => live[name].p50_ms)))}` : "since the start");
  figure("errors", whole.format(errors));
  const dropped = sum((name) => stats[name].messages_dropped);
  write($("errors-aside"), dropped ? `${whole.format(dropped)} messages dropped since the start` : "no message dropped");
  spark("connections", connections);
  spark("rate", rate);
  spark("latency", recent.length ? latency : 0);
  spark("errors", errors);

  rows($("transports"), transports.map((name) => {
    const one = stats[name], now = live[name], health = snapshot.health[name];
    const part = now.max_connections ? one.connections / now.max_connections : 0;
    return { key: name, cells: [
      cell(`${health.healthy}`, () => [element("span", { class: `dot ${health.healthy ? "" : "bad"}`, title: health.healthy ? "healthy" : "unhealthy" }), titles[name]], "name"),
      cell(`${one.connections}|${part.toFixed(3)}`, () => [whole.format(one.connections), meter(part)]),
      number(Math.round(now.per_second)), number(Math.round(now.received_per_second)), bytes(now.bytes_per_second),
      milliseconds(now.p50_ms), milliseconds(now.p90_ms), milliseconds(now.p99_ms),
      whole.format(one.messages_dropped), whole.format(one.slow_consumers),
    ] };
  }));
  const advice = transports.filter((name) => !snapshot.health[name].healthy)
    .map((name) => `${titles[name]}: ${snapshot.health[name].recommendation}`).join(" ");
  $("advice").hidden = !advice;
  write($("advice"), advice);

  const lag = Math.max(0, ...process.event_loop_lag_ms);
  definitions($("process"), [
    ["Processor", `${number(Math.round(process.cpu * 1000) / 10)} %`, Math.min(1, process.cpu / Math.max(1, process.event_loop_lag_ms.length + 1))],
    ["Memory", bytes(process.resident_bytes), stats.memory.budget ? stats.memory.used / stats.memory.budget : 0],
    ["Shedding", stats.memory.shedding],
    ["Descriptors", `${whole.format(process.descriptors)} of ${whole.format(process.max_descriptors)}`, process.descriptors / Math.max(1, process.max_descriptors)],
    ["Event loops", `${process.event_loop_lag_ms.length}, lag ${milliseconds(lag)}`],
    ["Retained topics", whole.format(stats.retained.topics)],
  ]);
  showUpstreams(snapshot);

  // Whoever may see clients is shown them with each snapshot.
  if (!administrator) waiting ??= setTimeout(() => setAdministrator(false), 400);
}

function showUpstreams({ upstreams, pool, ring }) {
  $("upstreams-empty").hidden = upstreams.length > 0;
  $("upstreams").hidden = upstreams.length === 0;
  rows($("upstreams"), upstreams.map((one, index) => {
    const state = one.problem ? "bad" : one.breaker === "open" ? "bad" : one.breaker === "half_open" ? "warn" : "";
    const detail = one.problem ?? one.address ?? (one.kind === "mcp" ? "in this gateway, or a program of it" : "");
    return { key: `${one.kind} ${one.server} ${one.address ?? index}`, cells: [
      cell(`${state}|${detail}`, () => [element("span", { class: `dot ${state}` }), one.kind === "webhook" ? "webhook" : one.server, element("small", { title: detail }, detail)], "name"),
      cell(`${one.breaker}`, () => [one.breaker ? element("span", { class: `pill ${one.breaker === "closed" ? "good" : one.breaker === "open" ? "bad" : "warn"}` }, one.breaker.replace("_", " ")) : element("span", { class: "zero" }, "–")]),
      whole.format(one.calls), whole.format(one.failures), milliseconds(one.p50_ms), milliseconds(one.p99_ms),
    ] };
  }));
  const used = pool.pool_size ? 1 - pool.available / pool.pool_size : 0;
  definitions($("pool"), pool.pools.length ? [
    ["State", pool.status], ["Lent", `${whole.format(pool.pool_size - pool.available)} of ${whole.format(pool.pool_size)}`, used],
    ["Overflow", whole.format(pool.overflow)], ["Waiting", whole.format(pool.queue_length)], ["Checkout", milliseconds(pool.avg_checkout_time)],
  ] : [["No pooled upstreams", ""]]);
  const key = JSON.stringify(ring);
  if ($("ring").dataset.key === key) return;
  $("ring").dataset.key = key;
  $("ring").replaceChildren(...ring.rings.flatMap((one) => one.nodes.map((node) => element("div", { class: "share" },
    element("span", { title: node.id }, node.id), element("span", {}, `${node.key_count} of ${one.total_keys}`),
    meter(one.total_keys ? node.key_count / one.total_keys : 0, 2, 2)))));
}

// ---- What administrators see

function setAdministrator(is) {
  administrator = is;
  $("unlock").hidden = is;
  for (const id of ["slowest-title", "recent-title", "clients"]) $(id).closest("section").hidden = !is;
  for (const node of document.querySelectorAll(".needs-token")) node.hidden = !is;
  if (is) search();
  if (is) loadCalls();
  if (is) viability.start(); else viability.stop();
}

function showClients({ slowest, errors }) {
  clearTimeout(waiting);
  waiting = undefined;
  if (!administrator) setAdministrator(true);
  $("slowest-empty").hidden = slowest.length > 0;
  rows($("slowest"), slowest.map((one, index) => ({ key: `${one.client_id} ${one.address} ${index}`, cells: [
    cell(one.client_id ?? "–", () => [opener(one.client_id), element("small", {}, titles[one.transport] ?? one.transport)], "name"),
    `${bytes(one.unsent_bytes)} unsent`, `${whole.format(one.pending_messages)} messages`,
  ] })));
  $("recent-empty").hidden = errors.length > 0;
  const key = JSON.stringify(errors);
  if ($("recent").dataset.key === key) return;
  $("recent").dataset.key = key;
  $("recent").replaceChildren(...errors.map((one) => element("li", {}, element("time", { datetime: one.timestamp }, clock(one.timestamp)),
    element("p", {}, element("b", { class: "bad" }, `${one.code} `), one.client_id ? opener(one.client_id) : "a connection", ` ${one.reason}`))));
}

const opener = (client) => client == null ? "–"
  : element("button", { type: "button", class: "open", title: "Trace", on: { click: (event) => { event.stopPropagation(); openTrace(client); } } }, client);

async function ask(path, options = {}) {
  const answer = await fetch(path, { ...options, headers: { "X-Gateway-Admin": "1", ...options.headers } });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.reason ?? body.error ?? answer.statusText);
  return body;
}

async function search() {
  if (!administrator) return;
  const query = new URLSearchParams({ sort: $("sort").value, limit: "50" });
  const text = $("query").value.trim();
  if (text) query.set("client", text);
  try {
    const { matches, connections } = await ask(`/mcp/admin/connections?${query}`);
    $("found").tHead.hidden = connections.length === 0;
    rows($("found"), connections.map((one, index) => ({ key: `${one.client_id} ${one.address} ${one.transport} ${index}`, cells: [
      cell(one.client_id ?? "–", () => [opener(one.client_id), element("small", {}, one.address ?? "")], "name"),
      cell(`${one.transport} ${one.active}`, () => [titles[one.transport] ?? one.transport, ...(one.active || !one.client_id ? [] : [element("span", { class: "soft" }, ", stands by")])]),
      duration(one.age_seconds), bytes(one.unsent_bytes), whole.format(one.messages_sent),
    ] })));
    write($("found-empty"), matches === 0 ? "No connection matches." : matches > connections.length ? `${whole.format(connections.length)} of ${whole.format(matches)}` : "");
  } catch (problem) { write($("found-empty"), problem.message); }
}

// ---- The viable system

const viability = viableSystem({ $, ask, element, write, rows, meter, number, whole, milliseconds, clock, titles });

// ---- One client's trace

let trace;

async function openTrace(client) {
  if (!client) return;
  closeTrace();
  $("trace").hidden = false;
  write($("trace-name"), client);
  $("trace-events").replaceChildren();
  const path = `/mcp/admin/trace/${encodeURIComponent(client)}`;
  try { for (const event of (await ask(path)).events ?? []) addEvent(event); } catch { /* nobody knows it yet */ }
  trace = new EventSource(`${path}/stream`);
  trace.addEventListener("trace", (event) => addEvent(JSON.parse(event.data)));
  trace.addEventListener("open", () => { $("trace-live").className = "live on"; });
  trace.addEventListener("error", () => { $("trace-live").className = "live off"; });
  $("clients").scrollIntoView({ block: "nearest" });
}

function addEvent({ timestamp, event, number: _, ...rest }) {
  const details = Object.entries(rest).map(([name, value]) => `${name} ${value}`).join("  ");
  const isBad = ["closed", "gap", "rate_limited", "error"].includes(event);
  const list = $("trace-events");
  list.prepend(element("li", {}, element("time", { datetime: timestamp }, clock(timestamp)),
    element("p", {}, element("b", { class: isBad ? "bad" : "" }, event.replaceAll("_", " ")), " ", element("span", { class: "detail" }, details))));
  while (list.children.length > 500) list.lastChild.remove();
}

function closeTrace() {
  trace?.close();
  trace = undefined;
  $("trace").hidden = true;
}

// ---- MCP inspector

const REVISION = "2026-07-28";
let tools = [];
let tool;
let requests = 0;

async function mcp(method, params, progress = () => {}) {
  requests += 1;
  const headers = { "Content-Type": "application/json", Accept: "application/json, text/event-stream", "MCP-Protocol-Version": REVISION, "Mcp-Method": method };
  if (params.name) headers["Mcp-Name"] = headerText(params.name);
  const answer = await fetch("/mcp", { method: "POST", headers, body: JSON.stringify({ jsonrpc: "2.0", id: requests, method, params: { ...params, _meta: {
    "io.modelcontextprotocol/protocolVersion": REVISION, "io.modelcontextprotocol/clientInfo": { name: "dashboard", version: "1" },
    "io.modelcontextprotocol/clientCapabilities": {}, progressToken: requests } } }) });
  const isStream = answer.headers.get("content-type")?.startsWith("text/event-stream");
  const message = isStream ? await lastMessage(answer, progress) : await answer.json();
  if (message?.error) throw new Error(typeof message.error === "string" ? message.reason ?? message.error : message.error.message);
  return message.result;
}

/** Names beyond ASCII stand in headers as the revision says. */
const headerText = (text) => /^[\x20-\x7e]*$/.test(text) && text.trim() === text ? text
  : `=?base64?${btoa(String.fromCharCode(...new TextEncoder().encode(text)))}?=`;

async function lastMessage(answer, progress) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error("the answer ended before it was whole");
    text += value;
    for (let end; (end = text.indexOf("\n\n")) >= 0; text = text.slice(end + 2)) {
      const data = text.slice(0, end).split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trim()).join("\n");
      if (!data) continue;
      const message = JSON.parse(data);
      if (message.id === requests || message.result !== undefined || message.error) { reader.cancel(); return message; }
      if (message.method === "notifications/progress") progress(message.params);
    }
  }
}

async function listTools() {
  write($("tools-empty"), "Asking…");
  $("tools-empty").hidden = false;
  tools = [];
  try {
    let cursor;
    do {
      const page = await mcp("tools/list", cursor ? { cursor } : {});
      tools.push(...page.tools);
      cursor = page.nextCursor;
    } while (cursor && tools.length < 2000);
    showTools();
  } catch (problem) { write($("tools-empty"), problem.message); }
}

function showTools() {
  const wanted = $("tool-filter").value.trim().toLowerCase();
  const found = tools.filter((one) => `${one.name} ${one.description ?? ""}`.toLowerCase().includes(wanted));
  $("tools").replaceChildren(...found.map((one) => element("li", {}, element("button", { type: "button", "aria-pressed": `${one === tool}`, on: { click: () => choose(one) } },
    element("b", {}, one.title ?? one.name), element("small", {}, (one.description ?? "").slice(0, 140))))));
  $("tools-empty").hidden = found.length > 0;
  write($("tools-empty"), tools.length ? "No tool matches." : "There are no tools.");
}

function choose(one) {
  tool = one;
  showTools();
  $("call").hidden = false;
  write($("tool-name"), one.name);
  write($("tool-description"), one.description ?? "");
  $("arguments").value = JSON.stringify(sample(one.inputSchema ?? {}), null, 2);
  $("result").hidden = true;
  write($("call-state"), "");
  $("arguments").focus();
}

/** A value that a schema could mean. */
function sample(schema, depth = 0) {
  if (schema.default !== undefined) return schema.default;
  if (schema.enum) return schema.enum[0];
  if (depth > 4) return null;
  switch (Array.isArray(schema.type) ? schema.type[0] : schema.type) {
    case "string": return "";
    case "integer": case "number": return schema.minimum ?? 0;
    case "boolean": return false;
    case "array": return [];
    default: {
      const required = new Set(schema.required ?? []);
      const names = Object.keys(schema.properties ?? {}).filter((name) => required.has(name) || required.size === 0);
      return Object.fromEntries(names.map((name) => [name, sample(schema.properties[name], depth + 1)]));
    }
  }
}

async function call(event) {
  event.preventDefault();
  const output = $("result");
  let given;
  try { given = JSON.parse($("arguments").value || "{}"); } catch (problem) { return write($("call-state"), `not JSON: ${problem.message}`); }
  const begun = performance.now();
  write($("call-state"), "calling…");
  try {
    const result = await mcp("tools/call", { name: tool.name, arguments: given }, ({ progress, total, message }) =>
      write($("call-state"), `${progress}${total ? ` of ${total}` : ""} ${message ?? ""}`));
    const texts = result.content?.every((part) => part.type === "text");
    output.textContent = texts ? result.content.map((part) => part.text).join("\n") : JSON.stringify(result, null, 2);
    output.classList.toggle("bad", result.isError === true);
    write($("call-state"), `${result.isError ? "failed" : "answered"} in ${milliseconds(performance.now() - begun)}`);
  } catch (problem) {
    output.textContent = problem.message;
    output.classList.add("bad");
    write($("call-state"), `refused after ${milliseconds(performance.now() - begun)}`);
  }
  output.hidden = false;
  loadCalls();
}

async function loadCalls() {
  if (!administrator) return;
  try {
    const { calls } = await ask("/mcp/admin/calls");
    $("calls").replaceChildren(...calls.slice(0, 12).map((one) => element("li", {}, element("time", { datetime: one.timestamp }, clock(one.timestamp)),
      element("p", {}, element("b", { class: one.error ? "bad" : "" }, one.name ?? one.method), " ", element("span", { class: "detail" }, `${one.server}  ${one.method}  ${milliseconds(one.duration_ms)}`)))));
    if (!calls.length) $("calls").replaceChildren(element("li", { class: "soft" }, "None yet."));
  } catch { /* it is asked again */ }
}

// ---- Theme, keys, beginning

const themes = ["auto", "light", "dark"];

function setTheme(name) {
  if (name === "auto") delete document.documentElement.dataset.theme; else document.documentElement.dataset.theme = name;
  $("theme").setAttribute("aria-label", `Theme: ${name === "auto" ? "automatic" : name}`);
  $("theme").dataset.name = name;
  try { localStorage.setItem("dashboard-theme", name); } catch { /* it is forgotten then */ }
}

function nextTheme() { setTheme(themes[(themes.indexOf($("theme").dataset.name) + 1) % themes.length]); }

function state(kind, text) {
  $("live").className = `live ${kind}`;
  write($("live").querySelector("b"), text);
}

function begin() {
  const stream = new EventSource("/metrics/dashboard/stream");
  stream.addEventListener("open", () => state("on", "live"));
  stream.addEventListener("snapshot", (event) => show(JSON.parse(event.data)));
  stream.addEventListener("clients", (event) => showClients(JSON.parse(event.data)));
  stream.addEventListener("error", () => {
    state("off", stream.readyState === EventSource.CLOSED ? "not allowed, or gone" : "reconnecting");
    if (stream.readyState === EventSource.CLOSED) {
      $("unlock").hidden = false;
      // The gateway may only be starting again.
      setTimeout(begin, 5000);
    }
  });
}

let stored = "auto";
try { stored = localStorage.getItem("dashboard-theme") ?? "auto"; } catch { /* none */ }
setTheme(themes.includes(stored) ? stored : "auto");
$("theme").addEventListener("click", nextTheme);
$("search").addEventListener("submit", (event) => { event.preventDefault(); search(); });
$("query").addEventListener("input", () => { clearTimeout(search.later); search.later = setTimeout(search, 200); });
$("sort").addEventListener("change", search);
$("trace-close").addEventListener("click", closeTrace);
$("found").addEventListener("click", (event) => event.target.closest("tr")?.querySelector(".open")?.click());
$("reload-tools").addEventListener("click", listTools);
$("tool-filter").addEventListener("input", showTools);
$("call").addEventListener("submit", call);
$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  location.assign(`/metrics/dashboard?token=${encodeURIComponent($("token").value.trim())}`);
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") { if (!$("trace").hidden) closeTrace(); document.activeElement?.blur(); return; }
  if (/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
  if (event.key === "/") { event.preventDefault(); (administrator ? $("query") : $("token")).focus(); }
  if (event.key === "t") nextTheme();
  if (event.key === "i") { event.preventDefault(); $("inspector").scrollIntoView(); $("reload-tools").focus({ preventScroll: true }); }
});
setInterval(() => {
  document.body.classList.toggle("stale", lastSnapshot > 0 && Date.now() - lastSnapshot > 70_000);
  if (administrator && document.visibilityState === "visible") { search(); loadCalls(); }
}, 5000);
for (const id of ["slowest-title", "recent-title", "clients"]) $(id).closest("section").hidden = true;
for (const node of document.querySelectorAll(".needs-token")) node.hidden = true;
begin();
