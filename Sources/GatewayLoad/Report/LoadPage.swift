/// The report as one page that needs nothing from elsewhere.
extension LoadReport {
    /// The whole page.
    public func page(_ thresholds: LoadThresholds = LoadThresholds()) -> String {
        let failures = failures(thresholds)
        let verdict =
            failures.isEmpty
            ? "" : "<ul class=failed>" + failures.map { "<li>\(Self.escaped($0))</li>" }.joined() + "</ul>"
        let rows = text().split(separator: "\n").dropFirst().map { line in
            let line = line.trimmingPrefix(while: { $0 == " " })
            let name = line.prefix { $0 != " " }
            let value = line.dropFirst(name.count).trimmingPrefix(while: { $0 == " " })
            return "<tr><th scope=row>\(Self.escaped(String(name)))</th><td>\(Self.escaped(String(value)))</td></tr>"
        }
        let latency = [
            Plot.Series(name: "p50", values: points.map { Double($0.p50) / 1e6 }),
            Plot.Series(name: "p99", values: points.map { Double($0.p99) / 1e6 }),
            Plot.Series(name: "max", values: points.map { Double($0.maximum) / 1e6 }),
        ]
        let times = points.map(\.time)
        return """
            <!doctype html>
            <html lang=en>
            <meta charset=utf-8>
            <meta name=viewport content="width=device-width, initial-scale=1">
            <title>Load test of \(Self.escaped(plan.place.authority))</title>
            <style>\(Self.style)</style>
            <h1>Load test <small>\(plan.dialect.rawValue) \(Self.escaped(plan.place.authority + plan.place.path))</small></h1>
            \(verdict)
            <table>\(rows.joined(separator: "\n"))</table>
            \(Plot(title: "Connections", unit: "", times: times, series: [
                Plot.Series(name: "open", values: points.map { Double($0.connections) })
            ]).html)
            \(Plot(title: plan.dialect == .sse ? "Events a second" : "Answers a second", unit: "/s", times: times, series: [
                Plot.Series(name: "received", values: points.map(\.received)),
                Plot.Series(name: "errors", values: points.map(\.problems)),
            ]).html)
            \(Plot(title: "Latency", unit: " ms", times: times, series: latency).html)
            </html>

            """
    }

    static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;")
    }

    private static let style = """
        :root{color-scheme:light dark;--ink:#1c2733;--dim:#64748b;--line:#d5dce4;--paper:#fff;--a:#2563eb;--b:#d97706;--c:#dc2626}
        @media(prefers-color-scheme:dark){:root{--ink:#e2e8f0;--dim:#94a3b8;--line:#334155;--paper:#0f172a;--a:#60a5fa;--b:#fbbf24;--c:#f87171}}
        body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:60rem;margin:2rem auto;padding:0 1rem}
        h1 small{display:block;font-size:1rem;font-weight:400;color:var(--dim);overflow-wrap:anywhere}
        h2{font-size:1.05rem;margin:1.5rem 0 .25rem}
        th{text-align:left;font-weight:400;color:var(--dim);padding-right:1.5rem;vertical-align:top}
        td{font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
        svg{width:100%;height:auto}
        .axis{stroke:var(--line)}text{fill:var(--dim);font-size:11px}
        .s0{stroke:var(--a)}.s1{stroke:var(--b)}.s2{stroke:var(--c)}polyline{fill:none;stroke-width:1.8}
        .legend span{margin-right:1rem}.k0{color:var(--a)}.k1{color:var(--b)}.k2{color:var(--c)}
        .failed{color:var(--c)}
        """
}

/// One plot over time.
private struct Plot {
    struct Series {
        let name: String
        let values: [Double]
    }

    let title: String
    let unit: String
    let times: [Double]
    let series: [Series]

    private static let width = 800.0
    private static let height = 200.0
    private static let left = 64.0
    private static let bottom = 22.0

    var html: String {
        let highest = max(series.flatMap(\.values).max() ?? 0, 1e-9)
        let last = max(times.last ?? 0, 1e-9)
        func x(_ time: Double) -> Double { Self.left + (Self.width - Self.left - 8) * time / last }
        func y(_ value: Double) -> Double { 8 + (Self.height - Self.bottom - 8) * (1 - value / highest) }
        var svg = ""
        for part in [0, 0.5, 1] {
            let height = LoadReport.short(y(highest * part))
            svg += "<line class=axis x1=\"\(Self.left)\" x2=\"\(Self.width)\" y1=\"\(height)\" y2=\"\(height)\"/>"
            svg +=
                "<text x=\"\(Self.left - 6)\" y=\"\(height)\" dy=\"4\" text-anchor=\"end\">"
                + "\(LoadReport.short(highest * part))\(unit)</text>"
            svg +=
                "<text x=\"\(LoadReport.short(x(last * part)))\" y=\"\(Self.height - 4)\" text-anchor=\""
                + "\(part == 0 ? "start" : part == 1 ? "end" : "middle")\">\(LoadReport.short(last * part)) s</text>"
        }
        for (index, one) in series.enumerated() {
            let line = zip(times, one.values).map { "\(LoadReport.short(x($0))),\(LoadReport.short(y($1)))" }
            svg += "<polyline class=\"s\(index)\" points=\"\(line.joined(separator: " "))\"/>"
        }
        let legend = series.enumerated().map { "<span class=\"k\($0)\">— \($1.name)</span>" }.joined()
        return """
            <section><h2>\(title)</h2><div class=legend>\(legend)</div>
            <svg viewBox="0 0 \(Int(Self.width)) \(Int(Self.height))" role="img" aria-label="\(title) over time">\(svg)</svg></section>
            """
    }
}
