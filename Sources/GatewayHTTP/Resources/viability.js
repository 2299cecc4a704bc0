// The panel "Viable system" of the dashboard: the flow of variety, drawn with each beat of the node, its loops, and what hurts.

const SVG = "http://www.w3.org/2000/svg";
const TOPICS = "s1_operations,s2_coordination,s3_control,s4_intelligence,s5_policy,algedonic_channel";
const HISTORY = 120;
const SIGNALS = 50;

/** @param tools what the dashboard lends: `$`, `ask`, and what makes and changes elements. */
export function viableSystem({ $, ask, element, write, rows, meter, number, whole, milliseconds, clock, titles }) {
  const lanes = ["websocket", "http_sse", "longpoll"];
  const history = [];
  let stream, report, again, asking = false;

  function shape(name, attributes, parent) {
    const node = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    parent.append(node);
    return node;
  }

  // ---- The flow

  const flow = $("flow");
  flow.setAttribute("viewBox", "0 0 760 230");
  const defined = {};

  /** A band between two points; what flows in it moves. */
  function band(key, from, to, kind) {
    if (defined[key]) return defined[key];
    const middle = (from[0] + to[0]) / 2;
    const d = `M${from}C${middle},${from[1]} ${middle},${to[1]} ${to}`;
    return defined[key] = {
      body: shape("path", { d, class: `band ${kind}` }, flow), grains: shape("path", { d, class: `grains ${kind}` }, flow),
    };
  }

  function label(key, x, y, anchor, kind = "") {
    return defined[key] ??= shape("text", { x, y, "text-anchor": anchor, class: kind }, flow);
  }

  /** As thick as the root of its share, so that what is little can still be seen; as fast as it is much. */
  function fill({ body, grains }, amount, most) {
    body.style.strokeWidth = amount > 0 && most > 0 ? `${(2.5 + 27.5 * Math.sqrt(amount / most)).toFixed(1)}px` : "1.5px";
    body.classList.toggle("idle", !(amount > 0));
    grains.classList.toggle("idle", !(amount > 0));
    grains.style.animationDuration = `${Math.max(0.5, 4 / (1 + Math.log10(1 + amount))).toFixed(2)}s`;
  }

  const perSecond = (value) => `${number(Math.round(value * 10) / 10)}/s`;
  const bits = (side) => side?.bits == null ? "too few to say" : `${side.bits.toFixed(2)} bits`;

  function draw(units) {
    const lane = Object.fromEntries(lanes.map((name) => [name, { arrivals: 0, accepted: 0, delivered: 0, connections: 0 }]));
    for (const unit of units) {
      const one = lane[unit.unit.split("/")[0]];
      if (!one || unit.unit.startsWith("upstream/")) continue;
      one.arrivals += unit.arrivals_per_second;
      one.accepted += unit.accepted_per_second;
      one.delivered += unit.delivered_per_second;
      one.connections += unit.connections;
    }
    const shown = lanes.filter((name) => name !== "longpoll" || lane[name].connections + lane[name].arrivals > 0);
    const sum = (figure) => shown.reduce((total, name) => total + lane[name][figure], 0);
    const [arrivals, accepted, delivered] = ["arrivals", "accepted", "delivered"].map(sum);
    const refused = Math.max(0, arrivals - accepted);
    lanes.forEach((name, index) => {
      const y = 52 + index * 62;
      const is = shown.includes(name);
      const parts = [band(`in ${name}`, [170, y], [330, 110], ""), band(`out ${name}`, [430, 110], [590, y], "")];
      const texts = [label(`in name ${name}`, 158, y - 4, "end", "strong"), label(`in rate ${name}`, 158, y + 15, "end"),
        label(`out name ${name}`, 602, y - 4, "start", "strong"), label(`out rate ${name}`, 602, y + 15, "start")];
      for (const { body, grains } of parts) for (const node of [body, grains]) node.classList.toggle("none", !is);
      for (const node of texts) node.classList.toggle("none", !is);
      fill(parts[0], lane[name].arrivals, arrivals);
      fill(parts[1], lane[name].delivered, delivered);
      write(texts[0], titles[name]);
      write(texts[1], `${perSecond(lane[name].arrivals)} in`);
      write(texts[2], titles[name]);
      write(texts[3], `${perSecond(lane[name].delivered)} out`);
    });
    fill(band("through", [338, 110], [430, 110], ""), accepted, arrivals);
    fill(band("refused", [338, 122], [420, 205], "bad"), refused, arrivals);
    defined.gate ??= shape("rect", { x: 329, y: 70, width: 10, height: 80, rx: 5, class: "gate" }, flow);
    write(label("gate name", 334, 58, "middle", "strong"), "admission");
    const loss = label("refused rate", 430, 210, "start");
    write(loss, refused > 0 ? `${perSecond(refused)} refused` : "nothing refused");
    loss.classList.toggle("bad", refused > 0);
    write(label("variety in", 0, 16, "start"), `variety in: ${bits(report?.s1.variety.incoming)}`);
    write(label("variety out", 760, 16, "end"), `let through: ${bits(report?.s1.variety.outgoing)}`);
    flow.setAttribute("aria-label", `${perSecond(arrivals)} messages come in, ${perSecond(accepted)} are let through, ${perSecond(delivered)} are delivered`);
    history.push([arrivals, accepted]);
    if (history.length > HISTORY) history.shift();
    drawHistory();
  }

  function drawHistory() {
    const svg = $("flow-history");
    svg.setAttribute("viewBox", "0 0 120 40");
    const most = Math.max(1, ...history.map(([arrivals]) => arrivals));
    const line = (place) => history.map((one, index) =>
      `${(history.length > 1 ? 120 - (history.length - 1 - index) : 120).toFixed(1)},${(37 - one[place] / most * 32).toFixed(2)}`).join("L");
    const start = 120 - (history.length - 1);
    const paths = svg.children.length ? [...svg.children] : ["area", "line faint", "line"].map((kind) => shape("path", { class: kind }, svg));
    paths[0].setAttribute("d", `M${start},40L${line(1)}L120,40Z`);
    paths[1].setAttribute("d", `M${line(0)}`);
    paths[2].setAttribute("d", `M${line(1)}`);
    write($("flow-caption"), `Messages of clients a second: what came, and what was let through; at most ${number(Math.round(most))}.`);
  }

  // ---- The loops

  function row(system, text, part, detail) {
    return { system, text, part, detail };
  }

  function budgetText(one, budget) {
    const bytes = (value) => (value < 1048576 ? `${number(value / 1024)} KiB` : `${number(value / 1048576)} MiB`);
    const size = {
      memory: (value) => `${number(value / 1048576)} MiB`,
      egress: (value) => `${bytes(value)}/s`,
    }[budget.resource] ?? ((value) => whole.format(value));
    const parts = [`${size(one.used)} of ${size(one.granted)} granted`, `floor ${size(one.floor)}`];
    if (one.borrowed > 0) parts.push(`${size(one.borrowed)} borrowed`);
    if (one.lent > 0) parts.push(`${size(one.lent)} lent`);
    if (one.refused > 0) parts.push(`${whole.format(one.refused)} refused`);
    if (one.held_back > 0) parts.push(`${whole.format(one.held_back)} held back`);
    return parts.join(", ");
  }

  function showLoops() {
    const { s1, s2, s3, s3_star: audit, s4, s5 } = report;
    const used = s4.forecasts.filter((one) => one.used);
    const odd = s4.anomalies.filter((one) => one.present).map((one) => `${one.pattern.replace("_", " ")}: ${one.client_id}`);
    const awaited = s4.proposals.filter((one) => one.expected != null)
      .map((one) => `room for ${whole.format(one.expected)} ${titles[one.unit] ?? one.unit}`);
    const soon = used.filter((one) => one.time_to_capacity_ms != null).map((one) => `${one.metric.replace("_", " ")} in ${milliseconds(one.time_to_capacity_ms)}`);
    const list = [
      row("S1", `units: ${s1.units.length}`, undefined, s1.variety.reduction_percent == null ? null : `admission takes ${s1.variety.reduction_percent.toFixed(1)} % of the variety`),
      row("S2", s2.enabled ? `${whole.format(s2.returns.given)} places to come back at` : "off", undefined,
        `restless ${number(s2.oscillation_per_hour.transports)}, ${number(s2.oscillation_per_hour.shedding)}, ${number(s2.oscillation_per_hour.mode)} times an hour (transports, shedding, mode)`),
      row("S3", s3.enabled ? `pressure ${s3.pressure.toFixed(2)}` : "budgets off", s3.pressure, s3.shedding === "none" ? null : `gives up: ${s3.shedding.replace("_", " ")}`),
      ...s3.budgets.flatMap((budget) => budget.units.map((one) =>
        row("", `${titles[one.unit] ?? one.unit}, ${budget.resource}`, budget.capacity > 0 ? one.used / budget.capacity : 0, budgetText(one, budget)))),
      row("S3*", audit.enabled ? `audits: ${whole.format(audit.audits)}` : "off", undefined, audit.clean ? "reports and facts agree" : "reports and facts differ"),
      row("S4", s4.enabled ? (used.length ? `${used.length} forecasts in use` : "no forecast beats none") : "off", undefined,
        soon.length ? `reaches its bound: ${soon.join(", ")}` : s4.connection_surge ? "clients connect in a surge" : odd.length ? odd.join(", ")
          : awaited.length ? `proposes ${awaited.join(", ")}` : null),
      ...s4.capacity.map((one) => row("", one.resource, one.used_percent / 100, one.short ? `${one.used_percent.toFixed(0)} %, short` : null)),
      row("S5", `policy, version ${whole.format(s5.policy_version)}`, undefined,
        [s5.floor === "none" ? null : `refuses: ${s5.floor.replace("_", " ")}`, s5.rules.count ? `rules: ${whole.format(s5.rules.count)}, messages: ${whole.format(s5.rules.kept)} kept, ${whole.format(s5.rules.refused)} refused, connections: ${whole.format(s5.rules.kept_connections)} kept` : null].filter(Boolean).join("; ") || null),
      ...s5.limits.map((one) => row("", one.subject, one.max_connections ? one.connections / one.max_connections : undefined,
        [one.max_connections == null ? null : `${whole.format(one.connections)} of ${whole.format(one.max_connections)} connections`, one.max_rate == null ? null : `${number(one.max_rate)} messages/s`,
          one.refused_connections + one.refused_messages ? `${whole.format(one.refused_connections + one.refused_messages)} refused` : null].filter(Boolean).join(", "))),
    ];
    const key = JSON.stringify(list.map((one) => ({ ...one, part: one.part && Math.round(one.part * 200) })));
    if ($("loops").dataset.key === key) return;
    $("loops").dataset.key = key;
    $("loops").replaceChildren(...list.map((one) => element("li", { "data-system": one.system },
      element("b", { class: "system" }, one.system), element("div", {}, element("p", {}, one.text),
        one.detail ? element("p", { class: "soft" }, one.detail) : null, one.part === undefined ? null : meter(one.part)))));
    const mode = $("mode");
    mode.className = `pill ${s5.mode === "normal" ? "good" : s5.mode === "conserve" ? "warn" : "bad"}`;
    write(mode, s5.mode);
    $("purpose").hidden = !s5.purpose;
    write($("purpose"), s5.purpose ?? "");
  }

  function showUnits(units) {
    const amount = (value) => value == null ? "–" : whole.format(value);
    rows($("units"), units.map((one) => ({ key: one.unit, cells: [
      one.unit, amount(one.connections), `${amount(one.actuality)}/s`, amount(one.capability), amount(one.potentiality),
      one.limit ? `${whole.format(one.limit.in_flight)} of ${whole.format(one.limit.limit)}${one.limit.waiting ? `, ${whole.format(one.limit.waiting)} wait` : ""}` : "–",
    ] })));
  }

  function showPain() {
    const { present } = report.algedonic;
    $("pain-empty").hidden = present.length > 0;
    const key = JSON.stringify(present.map(({ for_ms, ...rest }) => [rest, Math.round(for_ms / 1000)]));
    if ($("pain").dataset.key === key) return;
    $("pain").dataset.key = key;
    $("pain").replaceChildren(...present.map((one) => element("li", {},
      element("span", { class: `pill ${one.level === "operator" ? "bad" : "warn"}` }, one.level),
      element("p", {}, `${one.pain_type.replaceAll("_", " ")}${one.place ? ` at ${one.place}` : ""}`,
        element("span", { class: "soft" }, ` ${one.intensity.toFixed(2)} of what may be, for ${milliseconds(one.for_ms)}`)))));
  }

  // ---- What happens

  const words = {
    algedonic_signal: (one) => [one.message, one.signal_type === "pleasure" ? "good" : "bad",
      one.signal_type === "pleasure" ? `over after ${milliseconds(one.recovery_time_ms)}` : `${one.severity}, told to ${one.level}; to be settled within ${milliseconds(one.deadline_ms)}`],
    mode_changed: (one) => [`mode ${one.previous} → ${one.mode}`, one.mode === "normal" ? "good" : "bad", `pressure ${one.pressure.toFixed(2)}`],
  };

  function addEvent(event) {
    if (event.event === "unit_reports") return;
    const [text, kind, detail] = words[event.event]?.(event) ?? [event.event.replaceAll("_", " "), "", Object.entries(event)
      .filter(([name, value]) => name !== "event" && typeof value !== "object").map(([name, value]) => `${name}=${value}`).join(" ")];
    $("signals-empty").hidden = true;
    $("signals").prepend(element("li", {}, element("time", {}, clock(Date.now())),
      element("p", { class: kind }, text), element("span"), element("p", { class: "detail" }, detail)));
    while ($("signals").children.length > SIGNALS) $("signals").lastChild.remove();
  }

  // ---- The report

  /** The report is asked for when something has happened, and now and then; the flow is told by the stream. */
  async function refresh() {
    if (asking || document.hidden) return;
    asking = true;
    try {
      report = await ask("/mcp/admin/vsm");
      $("viable-system").hidden = !report.enabled;
      showLoops();
      showPain();
      showUnits(report.s1.units);
    } catch { /* the next one may come */ } finally { asking = false; }
  }

  function start() {
    if (stream) return;
    refresh();
    again = setInterval(refresh, 2000);
    stream = new EventSource(`/mcp/admin/vsm/events?topics=${TOPICS}`);
    for (const topic of TOPICS.split(",")) {
      stream.addEventListener(topic, ({ data }) => {
        const event = JSON.parse(data);
        addEvent(event);
        if (topic === "s1_operations") draw(event.units);
        else refresh();
      });
    }
    stream.addEventListener("missed", ({ data }) => addEvent({ event: "events_missed", ...JSON.parse(data) }));
  }

  function stop() {
    stream?.close();
    clearInterval(again);
    stream = again = undefined;
  }

  return { start, stop };
}
