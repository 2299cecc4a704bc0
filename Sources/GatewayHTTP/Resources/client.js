// @ts-check
/**
 * JavaScript client of mcp-gateway: no dependencies, one file, browsers and any runtime that has (or is given) `WebSocket` and `EventSource`.
 *
 *     import { GatewayClient } from "/client.js";
 *     const client = new GatewayClient({ clientId: "user-1", topics: ["room:123"] });
 *     client.on("message", (message) => console.log(message.sequence, message.type, message.data));
 *     client.connect();
 *     await client.send("echo", { hello: "world" });
 *
 * The gateway keeps one numbered log for each client id; every connection is a cursor over it. This client holds all transports that it
 * is told to use, hands every message to the application once and in order whichever connection brought it, and after any break asks for
 * what follows the last message it has handed over.
 */

/** @typedef {"websocket"|"http_sse"} Transport */
/** @typedef {"never"|"now"|"after"|"again"} Plan   What to do after a connection is gone; `again` is after a random wait. */
/** @typedef {"idle"|"connecting"|"open"|"waiting"|"stopped"} LinkState */
/**
 * What arrives. `id` is the sender's own if it gave one. `epoch` and `sequence` say where in the log the message stands.
 * @typedef {{type: string, id?: string, epoch: string, sequence: number, timestamp: string, data: any,
 *            topic?: string, from?: string, priority?: "low"|"high"}} Envelope
 */
/** @typedef {{transport: Transport, event: string}} Via   Which connection brought a message, and under which event name. */
/** @typedef {{client_id: string, transport: Transport, epoch: string, next_sequence: number, recovered: boolean,
 *             reason: string|null, replayed: number, active?: boolean, heartbeat_interval?: number, node?: string}} Connected */
/** @typedef {{epoch: string|null, from: number|null, to: number|null, reason: string}} Gap   Messages that will not come. */
/** @typedef {{to?: string, topic?: string, event?: string, priority?: "low"|"normal"|"high", id?: string}} SendOptions */
/**
 * @typedef {object} Options
 * @property {string} [url]             Base address of the gateway; the page's own origin unless given.
 * @property {string} clientId          1–128 of `A–Z a–z 0–9 . _ - : @`.
 * @property {Transport[]} [transports] Held at the same time, opened in this order. Default: both, WebSocket first.
 * @property {string[]} [topics]        Subscribed from the start.
 * @property {string|(() => string|Promise<string>)} [token]  Asked again at every connect when it is a function.
 * @property {boolean} [tickets]        Event streams connect with a single-use ticket in place of the token, which then is in no address.
 *     Behind a load balancer the same node has to get both requests.
 * @property {string} [lastEventId]     Where to resume: an earlier `client.lastEventId`.
 * @property {boolean|"manual"} [ack]   Acknowledge what was handed over: by itself (`true`) or by `client.ack()`. WebSocket only.
 * @property {"active"|"all"} [delivery] `all`: every transport carries every message (still handed over once).
 * @property {number} [queueLimit]      Messages that wait while nothing is connected. Default 100.
 * @property {{keyId: string, key: string|Uint8Array}} [encryption]  Messages encrypted with the client's own key (32 bytes, or their
 *     base64 form), both ways: docs/security.md. Needs a secure origin.
 * @property {{base?: number, cap?: number}} [backoff]  Milliseconds. Default 500 and 30000.
 * @property {typeof WebSocket} [WebSocket]
 * @property {typeof EventSource} [EventSource]
 * @property {typeof fetch} [fetch]
 */

const channel = "mcp:gateway";
const answerTimeout = 10_000;
const socketHeartbeat = 30_000;
/** Event names of the gateway itself. They have no place in the log, so they are never a message. */
const controlEvents = ["connected", "heartbeat", "gap", "transport_switched", "gateway_close", "gateway_error", "error", "debug", "vsm_update", "pong", "mcp"];

/** An answer of the gateway that says no, or the lack of an answer. */
export class GatewayError extends Error {
  /** @param {string} code  @param {string} [reason]  @param {number|null} [retryAfter] seconds  @param {number|null} [status] */
  constructor(code, reason = code, retryAfter = null, status = null) {
    super(reason === code ? code : `${code}: ${reason}`);
    this.name = "GatewayError";
    this.code = code;
    this.reason = reason;
    this.retryAfter = retryAfter;
    this.status = status;
  }

  /** @param {any} body  @param {number|null} [status] */
  static from(body, status = null) {
    const code = body?.error ?? body?.reason ?? (status === null ? "refused" : `http_${status}`);
    return new GatewayError(code, body?.reason ?? code, body?.retry_after ?? null, status);
  }
}

/**
 * Encrypted messages: AES-256-GCM with a key of the client's own. What a message is bound to makes it good in one direction, for one
 * client, in one place.
 */
export class Cipher {
  static #name = "mcp-gateway message encryption";

  /** @param {string} clientId  @param {{keyId: string, key: string|Uint8Array}} encryption */
  constructor(clientId, { keyId, key }) {
    this.clientId = clientId;
    this.keyId = keyId;
    const bytes = typeof key === "string" ? Cipher.#bytes(key) : key;
    if (bytes.length !== 32) throw new GatewayError("invalid_key", "a key has 32 bytes");
    if (!globalThis.crypto?.subtle) throw new GatewayError("insecure_origin", "encryption needs https, or a page of this machine");
    this.key = crypto.subtle.importKey("raw", /** @type {any} */ (bytes), "AES-GCM", false, ["encrypt", "decrypt"]);
    this.last = 0;
  }

  /** @param {any} envelope  @returns {Promise<any>} the envelope as it is without encryption */
  async open(envelope) {
    const { epoch, sequence, encrypted, iv, tag, key_id: keyId } = envelope;
    const [text, end] = [Cipher.#bytes(encrypted), Cipher.#bytes(tag)];
    const whole = new Uint8Array(text.length + end.length);
    whole.set(text);
    whole.set(end, text.length);
    const algorithm = /** @type {any} */ ({ name: "AES-GCM", iv: Cipher.#bytes(iv), additionalData: this.#binding("down", epoch, sequence, keyId) });
    const plain = await crypto.subtle.decrypt(algorithm, await this.key, whole);
    return { epoch, sequence, ...JSON.parse(new TextDecoder().decode(plain)) };
  }

  /** @param {any} message  @param {string} epoch */
  async seal(message, epoch) {
    // Rises from one page of this client to the next as well.
    const sequence = (this.last = Math.max(Date.now(), this.last + 1));
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const algorithm = /** @type {any} */ ({ name: "AES-GCM", iv, additionalData: this.#binding("up", epoch, sequence, this.keyId) });
    const whole = new Uint8Array(await crypto.subtle.encrypt(algorithm, await this.key, new TextEncoder().encode(JSON.stringify(message))));
    const [encrypted, tag] = [Cipher.#text(whole.subarray(0, -16)), Cipher.#text(whole.subarray(-16))];
    return { key_id: this.keyId, sequence, encrypted, iv: Cipher.#text(iv), tag };
  }

  /** @param {string} direction  @param {string} epoch  @param {number} sequence  @param {string} keyId */
  #binding(direction, epoch, sequence, keyId) {
    return new TextEncoder().encode([Cipher.#name, direction, this.clientId, epoch, sequence, keyId].join("\n"));
  }

  /** @param {string} text */
  static #bytes(text) {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  }

  /** @param {Uint8Array} bytes */
  static #text(bytes) {
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  }
}

/** A version 7 UUID. (`crypto.randomUUID` exists only on secure origins.) */
export function messageID(now = Date.now()) {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  for (let i = 5, rest = now; i >= 0; i -= 1, rest = Math.floor(rest / 256)) bytes[i] = rest % 256;
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/**
 * Puts what several connections bring into one order: each sequence once, ascending; what is missing is fetched or reported.
 * It does no I/O: every function returns what is to be handed over, and whether the connection has to resume.
 */
export class Inbox {
  /** @param {string} [lastEventId] */
  constructor(lastEventId) {
    const match = /^([^-]+)-(-?\d+)$/.exec(lastEventId ?? "");
    /** @type {string|null} */ this.epoch = match ? match[1] : null;
    /** The next sequence to hand over; null while the gateway replays from a place it has not told.
     *  @type {number|null} */
    this.next = match ? Number(match[2]) + 1 : null;
    /** Sequences below this one may be missing: the gateway has said so. */
    this.excused = 0;
    this.excuse = "";
    /** The only connection that may tell `next`, as long as it is null.
     *  @type {object|null} */
    this.opener = null;
    /** @type {Map<number, {envelope: Envelope, via: Via}|Gap>} */ this.held = new Map();
    /** Ids handed over, with their epochs: after a crash of the gateway a message may come again in the next epoch.
     *  @type {Map<string, string>} */
    this.seen = new Map();
    /** @type {string[]} */ this.pastEpochs = [];
  }

  get lastEventId() {
    return this.epoch !== null && this.next !== null ? `${this.epoch}-${this.next - 1}` : null;
  }

  /** A connection is there. `asked` is the event id that it resumed from.
   *  @param {Connected} info  @param {string|null} asked  @param {{carried: number, mending: boolean}} link  @returns {Gap[]} */
  opened(info, asked, link) {
    /** @type {Gap[]} */ const gaps = [];
    if (info.epoch !== this.epoch) {
      if (this.epoch !== null) gaps.push({ epoch: this.epoch, from: this.next, to: null, reason: info.reason ?? "epoch" });
      this.#restart(info, link);
    } else if (!info.recovered && asked !== null) {
      if (info.reason === "ahead") {
        gaps.push({ epoch: this.epoch, from: null, to: null, reason: "ahead" });
        this.#restart(info, link);
      } else {
        this.excused = info.next_sequence;
        this.excuse = info.reason ?? "trimmed";
        if (info.replayed === 0 && this.next !== null && this.next < info.next_sequence) {
          gaps.push({ epoch: this.epoch, from: this.next, to: info.next_sequence - 1, reason: this.excuse });
          this.next = info.next_sequence;
        }
      }
    }
    // Only what this very connection brings, or replays to mend a hole, shows that nothing lies between.
    const whole = link === this.opener || (link.mending && info.recovered);
    link.carried = whole && this.next !== null ? this.next - 1 : -Infinity;
    link.mending = false;
    return gaps;
  }

  /** A message or a `gap` arrived.
   *  @param {Envelope} envelope  @param {Via} via  @param {{carried: number}} link
   *  @returns {{deliver: ({envelope: Envelope, via: Via}|Gap)[], duplicate?: boolean, resume?: boolean}} */
  arrived(envelope, via, link) {
    if (envelope.epoch !== this.epoch) {
      if (this.pastEpochs.includes(envelope.epoch)) return { deliver: [], duplicate: true };
      const lost = this.epoch === null ? [] : [{ epoch: this.epoch, from: this.next, to: null, reason: "epoch" }];
      this.#restart({ epoch: envelope.epoch, next_sequence: envelope.sequence, replayed: 0 }, link);
      const rest = this.arrived(envelope, via, link);
      return { ...rest, deliver: [...lost, ...rest.deliver] };
    }
    const isGap = via.event === "gap"; // takes the place of all the messages that it stands for
    const first = isGap ? envelope.data.from : envelope.sequence;
    const last = isGap ? envelope.data.to : envelope.sequence;
    /** @type {{envelope: Envelope, via: Via}|Gap} */ const item = isGap ? { epoch: this.epoch, from: first, to: last, reason: envelope.data.reason } : { envelope, via };
    if (this.next === null && link !== this.opener) return this.#hold(first, item, false);
    const next = (this.next ??= first);
    const inLine = link.carried >= next - 1;
    link.carried = Math.max(link.carried, last);
    if (last < next) return { deliver: [], duplicate: true };
    /** @type {({envelope: Envelope, via: Via}|Gap)[]} */ const deliver = [];
    if (first > next) {
      // This connection has carried everything up to our place, so what it leaves out are events that an EventSource has no listener for.
      const reason = first <= this.excused ? this.excuse : inLine ? (via.transport === "http_sse" ? "unheard" : "missing") : null;
      if (reason === null) return this.#hold(first, item, true);
      deliver.push({ epoch: this.epoch, from: next, to: first - 1, reason });
    }
    const repeated = this.#handOver(item, last, deliver);
    for (const sequence of [...this.held.keys()].sort((a, b) => a - b)) {
      const waiting = this.held.get(sequence);
      if (!waiting || sequence > (this.next ?? 0)) break;
      this.held.delete(sequence);
      const end = "to" in waiting && waiting.to !== null ? waiting.to : sequence;
      if (end >= (this.next ?? 0)) this.#handOver(waiting, end, deliver);
    }
    return { deliver, duplicate: repeated };
  }

  /** Gives up what should have come up to `sequence`.
   *  @param {number} sequence  @param {string} reason  @returns {Gap[]} */
  skip(sequence, reason) {
    const from = this.next;
    if (from === null || from > sequence) return [];
    this.next = sequence + 1;
    return [{ epoch: this.epoch, from, to: sequence, reason }];
  }

  /** A connection is gone.
   *  @param {object} link */
  lost(link) {
    if (this.next !== null || this.opener !== link) return;
    this.epoch = null; // nothing of this epoch was handed over: begin again as a stranger
    this.held.clear();
  }

  /** @param {{epoch: string, next_sequence: number, replayed: number, reason?: string|null}} info  @param {object} link */
  #restart(info, link) {
    if (this.epoch !== null && this.epoch !== info.epoch) this.pastEpochs = [this.epoch, ...this.pastEpochs].slice(0, 8);
    this.epoch = info.epoch;
    this.next = info.replayed > 0 ? null : info.next_sequence;
    this.excused = info.next_sequence;
    this.excuse = info.reason ?? "new";
    this.opener = link;
    this.held.clear();
  }

  /** @param {number} sequence  @param {{envelope: Envelope, via: Via}|Gap} item  @param {boolean} resume */
  #hold(sequence, item, resume) {
    if (this.held.size < 1000) this.held.set(sequence, item);
    return { deliver: [], resume };
  }

  /** @param {{envelope: Envelope, via: Via}|Gap} item  @param {number} last  @param {({envelope: Envelope, via: Via}|Gap)[]} deliver */
  #handOver(item, last, deliver) {
    this.next = last + 1;
    if (!("envelope" in item)) {
      deliver.push(item);
      return false;
    }
    const { id, epoch } = item.envelope;
    const repeated = id !== undefined && (this.seen.get(id) ?? epoch) !== epoch;
    if (!repeated) deliver.push(item);
    if (id !== undefined) {
      this.seen.set(id, epoch);
      if (this.seen.size > 1000) this.seen.delete(/** @type {string} */ (this.seen.keys().next().value));
    }
    return repeated;
  }
}

/** One transport of a client: connects, waits, connects again. */
class Link {
  /** @param {GatewayClient} client  @param {Transport} transport */
  constructor(client, transport) {
    this.client = client;
    this.transport = transport;
    /** @type {LinkState} */ this.state = "idle";
    /** The highest sequence this connection has brought, or has taken over as done. */
    this.carried = -Infinity;
    /** @type {string|null} */ this.asked = null;
    /** Connecting anew because something was missing. */
    this.mending = false;
    /**
     * The place that the last mending began from.
     * @type {string|null}
     */
    this.mendedAt = null;
    this.attempts = 0;
    this.openedAt = 0;
    this.heardAt = 0;
    this.patience = 0;
    /** @type {{reconnect: Plan, retry_after_ms?: number, code?: number, reason?: string}|null} */ this.farewell = null;
    /** @type {any} */ this.timer = null;
    this.generation = 0;
    /** What came before, while it is being decrypted. */
    this.opening = Promise.resolve();
    /** What stands in the address in place of the token.
     * @type {string|undefined} */
    this.ticket = undefined;
  }

  async start() {
    if (this.state === "connecting" || this.state === "open") return;
    clearTimeout(this.timer);
    const generation = ++this.generation;
    this.farewell = null;
    this.#become("connecting");
    try {
      const token = typeof this.client.options.token === "function" ? await this.client.options.token() : this.client.options.token;
      this.ticket = token && this.client.options.tickets && this.transport === "http_sse" ? await this.client.ticket(token) : undefined;
      if (generation !== this.generation) return;
      // A stream beside a live socket stands by; an id would ask the gateway to go on here and now.
      const standsBy = this.transport === "http_sse" && !this.mending && this.client.state.websocket === "open";
      this.asked = standsBy ? null : this.client.inbox.lastEventId;
      this.heardAt = Date.now();
      this.patience = answerTimeout;
      this.dial(token);
    } catch (error) {
      if (generation !== this.generation) return;
      const isRefused = error instanceof GatewayError && error.code === "authentication_failed" && typeof this.client.options.token !== "function";
      this.down(isRefused ? "never" : "again", { reason: String(/** @type {any} */ (error)?.message ?? error), ...(error instanceof GatewayError ? { error } : {}) });
    }
  }

  /** @param {LinkState} [state] */
  stop(state = "idle") {
    clearTimeout(this.timer);
    this.generation += 1;
    this.hangUp();
    this.client.inbox.lost(this);
    this.#become(state);
  }

  /** Connects anew from the present place, because something is missing. */
  resume() {
    this.stop("waiting");
    this.mending = true;
    this.start();
  }

  /** @param {Connected} info */
  up(info) {
    this.openedAt = Date.now();
    this.patience = 2.5 * (info.heartbeat_interval ?? 30_000);
    const gaps = this.client.inbox.opened(info, this.asked, this);
    this.#become("open", { info });
    this.client.opened(this, info, gaps);
  }

  /** The connection is gone.
   *  @param {Plan} plan  @param {{code?: number, reason?: string, after?: number, error?: GatewayError}} [detail] */
  down(plan, detail = {}) {
    if (this.state === "idle" || this.state === "stopped" || this.state === "waiting") return;
    if (this.farewell) {
      const { reconnect, retry_after_ms: after, code, reason } = this.farewell;
      plan = reconnect;
      detail = { ...detail, code: code ?? detail.code, reason: reason ?? detail.reason, after };
    }
    if (this.openedAt && Date.now() - this.openedAt > 5_000) this.attempts = 0;
    this.openedAt = 0;
    this.generation += 1;
    this.hangUp();
    this.client.inbox.lost(this);
    const { base = 500, cap = 30_000 } = this.client.options.backoff ?? {};
    let wait = Math.random() * Math.min(cap, base * 2 ** this.attempts);
    if (plan === "now" && this.attempts === 0) wait = 0;
    if (plan === "after" && detail.after !== undefined) wait = detail.after;
    this.attempts += 1;
    if (plan === "never") this.#become("stopped", detail);
    else {
      this.#become("waiting", { ...detail, retryIn: Math.round(wait) });
      this.timer = setTimeout(() => this.start(), wait);
    }
    this.client.closed();
  }

  /** Called every few seconds. */
  check() {
    if (this.state !== "connecting" && this.state !== "open") return;
    if (Date.now() - this.heardAt > this.patience) this.down("again", { reason: "silent" });
  }

  /** An event came in, by whichever transport.
   *  @param {string} event  @param {any} payload */
  heard(event, payload) {
    this.heardAt = Date.now();
    const { cipher } = this.client;
    if (!cipher) return this.#take(event, payload);
    // In their order: what can be read at once waits for what has to be decrypted.
    const { generation } = this;
    this.opening = this.opening.then(async () => {
      if (generation !== this.generation) return;
      try {
        const opened = payload?.encrypted === undefined ? payload : await cipher.open(payload);
        if (generation === this.generation) this.#take(event, opened);
      } catch (error) {
        this.client.emit("error", new GatewayError("decryption_failed", String(/** @type {any} */ (error)?.message ?? error)));
      }
    });
  }

  /** @param {string} event  @param {any} payload */
  #take(event, payload) {
    const via = { transport: this.transport, event };
    if (event === "connected") return this.up(payload.data);
    if (event === "transport_switched") this.carried = -Infinity;
    if (event === "transport_switched" || event === "heartbeat") this.#compare(payload, event === "heartbeat" ? 5_000 : 1_000);
    if (event === "gateway_close") this.farewell = payload?.data?.reconnect ? payload.data : payload;
    this.client.arrived(this, payload, via);
  }

  /** The gateway tells how far it has written. What has not come a moment later was lost under way, with another connection.
   *  @param {{epoch: string, sequence: number}} told  @param {number} patience */
  #compare({ epoch, sequence }, patience) {
    const { inbox } = this.client;
    const { generation } = this;
    const isMissing = () => inbox.epoch === epoch && inbox.next !== null && inbox.next <= sequence;
    if (!isMissing()) return;
    setTimeout(() => {
      if (generation !== this.generation || !isMissing()) return;
      if (this.mendedAt === inbox.lastEventId) {
        const reason = this.transport === "http_sse" ? "unheard" : "missing";
        for (const gap of inbox.skip(sequence, reason)) this.client.emit("gap", gap);
      } else {
        this.mendedAt = inbox.lastEventId;
        this.resume();
      }
    }, patience);
  }

  /** @param {LinkState} state  @param {object} [detail] */
  #become(state, detail = {}) {
    this.state = state;
    this.client.emit("state", { transport: this.transport, state, ...detail });
  }

  /** @param {string|undefined} token */
  dial(token) {}
  hangUp() {}
}

/** Server-Sent Events through the runtime's own EventSource. */
class StreamLink extends Link {
  /** @type {EventSource|null} */ source = null;

  /** @param {string|undefined} token */
  dial(token) {
    const { options, topics } = this.client;
    const { ticket } = this;
    const place = (/** @type {object} */ proof) => this.client.address("mcp/sse", {
      client_id: options.clientId, last_event_id: this.asked, topics: [...topics].join(","), delivery: options.delivery === "all" ? "all" : null,
      encryption: options.encryption ? "aes-256-gcm" : null, ...proof,
    });
    const url = place(ticket ? { ticket } : { token });
    const source = (this.source = new /** @type {typeof EventSource} */ (options.EventSource ?? globalThis.EventSource)(url));
    for (const name of new Set(["message", ...controlEvents, ...this.client.eventNames])) this.listen(name);
    source.onerror = (event) => {
      if ("data" in event || source !== this.source) return; // the gateway's own `error` event has data
      const refused = source.readyState === 2;
      if (!refused) return this.down("again", { reason: "connection lost" });
      source.close();
      // A ticket is good once: whoever asks again shows the token.
      this.#explain(ticket ? place({}) : url, ticket ? token : undefined);
    };
  }

  /** @param {string} name */
  listen(name) {
    const source = this.source;
    source?.addEventListener(name, (/** @type {any} */ event) => {
      if (source !== this.source || typeof event.data !== "string") return;
      let payload;
      try {
        payload = JSON.parse(event.data);
      } catch {
        return this.client.emit("error", new GatewayError("unreadable_event", `event ${name} is not JSON`));
      }
      this.heard(name, payload);
    });
  }

  hangUp() {
    this.source?.close();
    this.source = null;
  }

  /** An EventSource tells no status: ask once more, only for the answer's head.
   *  @param {string} url  @param {string} [token] */
  async #explain(url, token) {
    const generation = this.generation;
    const abort = new AbortController();
    /** @type {[Plan, any]} */ let verdict = ["again", { reason: "not reachable" }];
    try {
      const answer = await this.client.fetch(url, { signal: abort.signal, headers: { Accept: "text/event-stream", ...(token ? { Authorization: `Bearer ${token}` } : {}) } });
      if (answer.status === 204) verdict = ["never", { reason: "the gateway asked this client to stay away" }];
      else if (answer.ok) verdict = ["again", {}];
      else {
        const error = GatewayError.from(await answer.json().catch(() => null), answer.status);
        const wait = Number(answer.headers.get("Retry-After") ?? error.retryAfter ?? NaN);
        const passing = [408, 425, 429].includes(answer.status) || answer.status >= 500;
        verdict = [!passing ? "never" : wait >= 0 ? "after" : "again", { error, reason: error.message, after: wait * 1000 }];
      }
    } catch {
      // not reachable
    } finally {
      abort.abort();
    }
    if (generation === this.generation) this.down(...verdict);
  }
}

/** Phoenix Channels, serializer 2.0.0, on a WebSocket. */
class SocketLink extends Link {
  /** @type {WebSocket|null} */ socket = null;
  reference = 0;
  joinReference = "";
  joined = false;
  /** @type {Map<string, (status: string, response: any) => void>} */ answers = new Map();
  /** @type {any} */ beat = null;

  /** @param {string|undefined} token */
  dial(token) {
    const { options, topics } = this.client;
    const url = this.client.address("mcp/ws", { client_id: options.clientId, vsn: "2.0.0", encryption: options.encryption ? "aes-256-gcm" : null }).replace(/^http/, "ws");
    const socket = (this.socket = new /** @type {typeof WebSocket} */ (options.WebSocket ?? globalThis.WebSocket)(url));
    let opened = false;
    socket.onopen = () => {
      opened = true;
      if (socket === this.socket) this.#join(token, [...topics]);
    };
    socket.onmessage = ({ data }) => {
      if (socket !== this.socket || typeof data !== "string") return;
      const [, ref, topic, event, payload] = JSON.parse(data);
      this.heardAt = Date.now();
      if (event === "phx_reply") {
        const answer = this.answers.get(ref);
        this.answers.delete(ref);
        answer?.(payload.status, payload.response);
      } else if (event === "phx_error" || event === "phx_close") {
        if (topic === channel) this.down("again", { reason: event });
      } else {
        this.heard(event, payload);
      }
    };
    const closed = (/** @type {number} */ code, /** @type {string} */ reason) => {
      if (socket !== this.socket) return;
      const why = opened ? `closed with code ${code}` : "not reachable, or the gateway refused the handshake";
      this.down(SocketLink.#plan(code, typeof options.token === "function"), { code, reason: reason || why });
    };
    socket.onclose = ({ code, reason }) => closed(code, reason);
    socket.onerror = () => setTimeout(() => closed(1006, ""), 100); // some runtimes tell no close after a failed handshake
  }

  hangUp() {
    clearInterval(this.beat);
    const socket = this.socket;
    this.socket = null;
    this.joined = false;
    this.answers.clear();
    this.client.requeue();
    if (socket && socket.readyState < 2) socket.close();
  }

  /** Sends an event. `answer` is called once, unless the connection goes first.
   *  @param {string} event  @param {object} payload  @param {(status: string, response: any) => void} [answer]  @param {string} [topic] */
  push(event, payload, answer, topic = channel) {
    const ref = answer ? String(++this.reference) : null;
    if (ref && answer) this.answers.set(ref, answer);
    this.socket?.send(JSON.stringify([topic === channel ? this.joinReference : null, ref, topic, event, payload]));
  }

  /** @param {string|undefined} token  @param {string[]} topics */
  #join(token, topics) {
    const { options } = this.client;
    this.joinReference = String(this.reference + 1);
    const payload = {
      topics, token, last_event_id: this.asked ?? undefined, ack: options.ack ? true : undefined, delivery: options.delivery === "all" ? "all" : undefined,
      // Envelopes only: they carry the numbers that a resume needs.
      binary: "base64",
    };
    this.push("phx_join", payload, (status, response) => {
      if (status !== "ok") {
        const error = GatewayError.from(response);
        const wait = error.retryAfter === null ? undefined : error.retryAfter * 1000;
        return this.down(wait === undefined ? "never" : "after", { error, reason: error.message, after: wait });
      }
      this.joined = true;
      this.up({ transport: "websocket", ...response });
      this.beat = setInterval(() => this.push("heartbeat", {}, () => {}, "phoenix"), socketHeartbeat);
    });
  }

  /** What a close code means when no `gateway_close` came before it.
   *  @param {number} code  @param {boolean} canRefresh  @returns {Plan} */
  static #plan(code, canRefresh) {
    if (code === 1000 || code === 1008) return "never";
    if (code === 4001 || code === 4003) return canRefresh ? "again" : "never";
    return code === 4008 ? "now" : "again";
  }
}

/**
 * Events for `on`:
 *
 * | event          | handler gets |
 * |----------------|--------------|
 * | `message`      | `(envelope, via)`: every message, once, in order |
 * | `event:NAME`   | the same, for messages that the sender gave this event name. Needed for SSE to hear such names |
 * | `connected`    | `({transport, resumedFrom, recovered, replayed, reason, epoch, next_sequence, …})` |
 * | `gap`          | `({epoch, from, to, reason})`: messages that will not come; reload what depends on them |
 * | `switched`     | `({from, to, reason})`: the gateway changed the active transport |
 * | `state`        | `({transport, state, retryIn?, code?, reason?, error?})` |
 * | `control`      | `(name, payload, via)`: heartbeats and the gateway's other events |
 * | `arrival`      | `(envelope, via, {duplicate})`: everything, as it comes, before ordering (for display and debugging) |
 * | `error`        | `(error)` |
 */
export class GatewayClient {
  /** @param {Options} options */
  constructor(options) {
    if (!/^[A-Za-z0-9._:@-]{1,128}$/.test(options.clientId ?? "")) {
      throw new GatewayError("invalid_client_id", "a client id has 1 to 128 characters of A–Z a–z 0–9 . _ - : @");
    }
    this.options = options;
    this.base = (options.url ?? globalThis.location?.origin ?? "http://127.0.0.1:4000").replace(/\/*$/, "/");
    this.topics = new Set(options.topics ?? []);
    this.inbox = new Inbox(options.lastEventId);
    this.cipher = options.encryption ? new Cipher(options.clientId, options.encryption) : null;
    /** Of the gateway's log, as it was told last. */
    this.epoch = "";
    /** What is sent before, while it is being encrypted. */
    this.sealing = Promise.resolve();
    /** Names that senders may give events, beside `message`.
     *  @type {Set<string>} */ this.eventNames = new Set();
    /** @type {Map<string, Set<Function>>} */ this.handlers = new Map();
    /** @type {{payload: any, done: (value: any) => void, fail: (error: Error) => void, sent: boolean, tries: number, timer?: any}[]} */ this.outbox = [];
    /** @type {Set<string>} */ this.leaving = new Set();
    this.posting = false;
    this.acknowledged = -1;
    /** @type {any} */ this.ackTimer = null;
    /** @type {any} */ this.clock = null;
    const make = { websocket: SocketLink, http_sse: StreamLink };
    this.links = (options.transports ?? /** @type {Transport[]} */ (["websocket", "http_sse"])).map((name) => new make[name](this, name));
    /** @type {Set<Link>} */ this.wanted = new Set();
    this.wake = () => this.links.forEach((link) => link.state === "waiting" && link.start());
  }

  /** The place of the last message handed over, `<epoch>-<sequence>`: store it to resume later. */
  get lastEventId() {
    return this.inbox.lastEventId;
  }

  /** The state of each transport.
   *  @returns {Partial<Record<Transport, LinkState>>} */
  get state() {
    return Object.fromEntries(this.links.map((link) => [link.transport, link.state]));
  }

  /** @param {string} event  @param {Function} handler  @returns {() => void} takes the handler away again */
  on(event, handler) {
    const set = this.handlers.get(event) ?? this.handlers.set(event, new Set()).get(event);
    set?.add(handler);
    const name = event.startsWith("event:") ? event.slice(6) : null;
    if (name && !controlEvents.includes(name) && name !== "message" && !this.eventNames.has(name)) {
      this.eventNames.add(name);
      for (const link of this.links) if (link instanceof StreamLink) link.listen(name);
    }
    return () => set?.delete(handler);
  }

  /** Connects one transport, or all: the second as soon as the first has settled.
   *  @param {Transport} [transport] */
  connect(transport) {
    this.clock ??= setInterval(() => this.links.forEach((link) => link.check()), 5_000);
    globalThis.addEventListener?.("online", this.wake);
    for (const link of this.links) {
      if (transport && link.transport !== transport) continue;
      this.wanted.add(link);
      if (link.state === "stopped") link.stop();
    }
    if (transport) this.#link(transport)?.start();
    else this.#follow();
  }

  /** Cuts one transport, or all, and leaves it so; the session and what is queued stay.
   *  @param {Transport} [transport] */
  disconnect(transport) {
    for (const link of this.links) {
      if (transport && link.transport !== transport) continue;
      this.wanted.delete(link);
      link.stop();
    }
    this.#flush();
  }

  /** Cuts everything and refuses what is still queued. */
  close() {
    this.disconnect();
    clearInterval(this.clock);
    clearTimeout(this.ackTimer);
    this.clock = this.ackTimer = null;
    globalThis.removeEventListener?.("online", this.wake);
    for (const item of this.outbox.splice(0)) {
      clearTimeout(item.timer);
      item.fail(new GatewayError("closed", "the client was closed"));
    }
  }

  /**
   * Sends a message: to a client (`to`), to a topic (`topic`), or to the gateway's own routes. By WebSocket when it is joined, by
   * `POST /mcp/push` otherwise; waits while nothing is connected. Resolves when the gateway has accepted it. A message that was
   * under way when the connection broke is sent again under the same `id`.
   * @param {string} type  @param {any} data  @param {SendOptions} [options]  @returns {Promise<{id: string, operation_id?: string}>}
   */
  send(type, data, options = {}) {
    return new Promise((done, fail) => {
      if (this.outbox.length >= (this.options.queueLimit ?? 100)) return fail(new GatewayError("queue_full", "too many messages are waiting to be sent"));
      this.outbox.push({ payload: { type, data, ...options, id: options.id ?? messageID() }, done, fail, sent: false, tries: 0 });
      this.#flush();
    });
  }

  /** @param {string} topic  @returns {Promise<void>} */
  async subscribe(topic) {
    this.topics.add(topic);
    this.leaving.delete(topic);
    if (this.#socket()) return this.#ask("subscribe", { topic });
    for (const link of this.links) if (link instanceof StreamLink && link.state === "open") link.resume();
  }

  /** @param {string} topic  @returns {Promise<void>} */
  async unsubscribe(topic) {
    this.topics.delete(topic);
    if (this.#socket()) return this.#ask("unsubscribe", { topic });
    if (!this.#link("websocket")) throw new GatewayError("unsupported", "unsubscribing needs the websocket transport");
    this.leaving.add(topic);
  }

  /** Acknowledges everything up to a message (or all that was handed over).
   *  @param {{sequence: number}} [message] */
  ack(message) {
    const sequence = message?.sequence ?? (this.inbox.next ?? 0) - 1;
    const socket = this.#socket();
    if (!socket || sequence <= this.acknowledged) return;
    this.acknowledged = sequence;
    socket.push("ack", { sequence });
  }

  // What the links call.

  /** @param {Link} link  @param {Connected} info  @param {Gap[]} gaps */
  opened(link, info, gaps) {
    this.acknowledged = -1;
    this.epoch = info.epoch;
    this.emit("connected", { ...info, transport: link.transport, resumedFrom: link.asked });
    for (const gap of gaps) this.emit("gap", gap);
    if (link instanceof SocketLink) {
      for (const topic of this.leaving) this.#ask("unsubscribe", { topic }).catch((error) => this.emit("error", error));
      this.leaving.clear();
    }
    this.#flush();
    this.#follow();
  }

  /** A transport is gone. */
  closed() {
    this.#flush();
    this.#follow();
  }

  /** @param {Link} link  @param {any} payload  @param {Via} via */
  arrived(link, payload, via) {
    const isControl = controlEvents.includes(via.event);
    if (isControl && via.event !== "gap") {
      this.emit("arrival", payload, via, { duplicate: false });
      this.emit("control", via.event, payload, via);
      if (via.event === "transport_switched") this.emit("switched", payload.data ?? payload);
      if (via.event === (via.transport === "http_sse" ? "gateway_error" : "error")) this.emit("error", GatewayError.from(payload.data ?? payload));
      return;
    }
    const { deliver, duplicate = false, resume = false } = this.inbox.arrived(payload, via, link);
    this.emit("arrival", payload, via, { duplicate });
    for (const item of deliver) {
      if (!("envelope" in item)) this.emit("gap", item);
      else {
        this.emit("message", item.envelope, item.via);
        if (item.via.event !== "message") this.emit(`event:${item.via.event}`, item.envelope, item.via);
      }
    }
    if (deliver.length > 0 && this.options.ack === true) this.ackTimer ??= setTimeout(() => ((this.ackTimer = null), this.ack()), 100);
    if (resume) link.resume();
  }

  /** @param {string} event  @param {...any} values */
  emit(event, ...values) {
    for (const handler of this.handlers.get(event) ?? []) {
      try {
        handler(...values);
      } catch (error) {
        console.error(error); // a handler's mistake must not stop delivery
      }
    }
  }

  /** @param {string} path  @param {Record<string, string|null|undefined>} query */
  address(path, query) {
    const url = new URL(path, this.base);
    for (const [key, value] of Object.entries(query)) if (value) url.searchParams.set(key, value);
    return url.href;
  }

  /** @param {string} url  @param {RequestInit} init */
  fetch(url, init) {
    return (this.options.fetch ?? globalThis.fetch)(url, init);
  }

  /** @param {Transport} transport */
  #link(transport) {
    return this.links.find((link) => link.transport === transport);
  }

  /** The WebSocket, if it can carry a push.
   *  @returns {SocketLink|null} */
  #socket() {
    const link = this.#link("websocket");
    return link instanceof SocketLink && link.joined ? link : null;
  }

  /** Opens the transports that have not been tried yet. */
  #follow() {
    if (this.links.some((link) => link.state === "connecting")) return;
    this.links.find((link) => link.state === "idle" && this.wanted.has(link))?.start();
  }

  /** @param {string} event  @param {object} payload  @returns {Promise<any>} */
  #ask(event, payload) {
    return new Promise((done, fail) => {
      const timer = setTimeout(() => fail(new GatewayError("timeout", `no answer to ${event}`)), answerTimeout);
      this.#socket()?.push(event, payload, (status, response) => {
        clearTimeout(timer);
        if (status === "ok") done(response);
        else fail(GatewayError.from(response));
      });
    });
  }

  /** The socket is gone: what was under way on it is to be sent again. */
  requeue() {
    for (const item of this.outbox) {
      clearTimeout(item.timer);
      item.sent = false;
    }
  }

  #flush() {
    const socket = this.#socket();
    if (!socket) {
      if (this.links.some((link) => link instanceof StreamLink && link.state === "open")) this.#post();
      return;
    }
    if (this.posting) return; // the POST under way comes first; it calls again when it is done
    for (const item of this.outbox) {
      if (item.sent) continue;
      item.sent = true;
      const settle = (/** @type {() => void} */ how) => {
        clearTimeout(item.timer);
        this.outbox = this.outbox.filter((other) => other !== item);
        how();
      };
      item.timer = setTimeout(() => settle(() => item.fail(new GatewayError("timeout", "no answer to the message"))), answerTimeout);
      const push = (/** @type {any} */ payload) =>
        socket.push("message", payload, (status, response) =>
          settle(() => (status === "ok" ? item.done({ id: item.payload.id, ...response }) : item.fail(GatewayError.from(response)))));
      const { cipher, epoch } = this;
      if (!cipher) {
        push(item.payload);
        continue;
      }
      this.sealing = this.sealing.then(async () => {
        const payload = await cipher.seal(item.payload, epoch);
        // The socket may be gone meanwhile: then the message waits for the next one.
        if (item.sent && socket === this.#socket()) push(payload);
      });
    }
  }

  /** What lets one event stream connect, so that its address has no token.
   *  @param {string} token */
  async ticket(token) {
    const headers = { Authorization: `Bearer ${token}` };
    const answer = await this.fetch(this.address("mcp/ticket", {}), { method: "POST", headers, signal: /** @type {any} */ (AbortSignal).timeout(answerTimeout) });
    const result = await answer.json().catch(() => null);
    if (answer.ok) return /** @type {string} */ (result.ticket);
    if (answer.status === 404) return undefined; // authentication is off
    throw GatewayError.from(result, answer.status);
  }

  /** One at a time, so that the order stays. */
  async #post() {
    const item = this.outbox[0];
    if (!item || this.posting) return;
    this.posting = true;
    try {
      const { clientId: client_id, token } = this.options;
      const bearer = typeof token === "function" ? await token() : token;
      const headers = { "Content-Type": "application/json", ...(bearer ? { Authorization: `Bearer ${bearer}` } : {}) };
      const body = JSON.stringify({ client_id, ...(this.cipher ? await this.cipher.seal(item.payload, this.epoch) : item.payload) });
      const answer = await this.fetch(this.address("mcp/push", {}), { method: "POST", headers, body, signal: /** @type {any} */ (AbortSignal).timeout(answerTimeout) });
      const result = await answer.json().catch(() => null);
      if (answer.ok) item.done({ id: item.payload.id, ...result });
      else item.fail(GatewayError.from(result, answer.status));
    } catch (error) {
      this.posting = false;
      item.tries += 1;
      const stream = this.#link("http_sse");
      if (item.tries < 3 && this.outbox.includes(item)) {
        if (stream?.state === "open") stream.down("again", { reason: "a request did not get through" }); // the whole way is suspect
        return this.#flush();
      }
      item.fail(new GatewayError("unreachable", String(/** @type {any} */ (error)?.message ?? error)));
    }
    this.posting = false;
    this.outbox = this.outbox.filter((other) => other !== item);
    this.#flush();
  }
}
