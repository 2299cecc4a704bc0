import Testing

@testable import GatewayConfiguration

/// What each kind accepts, and that what it prints reads back.
@Suite struct SettingKindTests {
    private func read<Value>(_ kind: SettingKind<Value>, _ text: String, _ style: SourceTree.Scalar.Style = .plain)
        -> Value?
    {
        do throws(Mismatch) {
            return try kind.read(.scalar(.init(text: text, style: style, line: 1)))
        } catch {
            return nil
        }
    }

    @Test(arguments: [
        ("0", 0), ("7", 7), ("65_536", 65_536), ("-3", -3), ("10_0", 100), ("", nil), ("-", nil), ("+1", nil),
        ("007", nil), ("0x10", nil),
        ("1e3", nil), ("_1", nil), ("1_", nil), ("1__0", nil), ("1.0", nil), ("９", nil), (" 1", nil),
        ("99999999999999999999", nil),
    ])
    func integers(text: String, expected: Int?) {
        #expect(read(.integer(-10...100_000), text) == expected)
    }

    @Test(arguments: [
        ("1", 1.0), ("2.5", 2.5), ("1_000.25", 1000.25), ("1000000", 1e6), ("0.999", nil), ("1000000.1", nil),
        ("inf", nil), ("nan", nil),
        ("1e3", nil), (".5", nil), ("5.", nil), ("1.2.3", nil),
    ])
    func numbers(text: String, expected: Double?) {
        #expect(read(.number(1...1_000_000), text) == expected)
    }

    @Test(arguments: [
        ("true", true), ("True", true), ("yes", true), ("on", true), ("false", false), ("NO", false), ("off", false),
    ])
    func flags(text: String, expected: Bool) {
        #expect(read(.flag, text) == expected)
        #expect(read(.flag, text, .argument) == expected)
        #expect(read(.flag, text, .quoted) == nil)
    }

    @Test func oneAndZeroAreFlagsInArgumentsOnly() {
        #expect(read(.flag, "1", .argument) == true)
        #expect(read(.flag, "0", .argument) == false)
        #expect(read(.flag, "1") == nil)
        #expect(read(.flag, "2", .argument) == nil)
    }

    @Test(arguments: [
        ("0", 0), ("250", 250), ("30_000", 30_000), ("500ms", 500), ("30s", 30_000), ("5m", 300_000),
        ("24h", 86_400_000), ("5 m", 300_000),
        ("", nil), ("s", nil), ("1.5s", nil), ("-1s", nil), ("1d", nil), ("1M", nil), ("1 min", nil), ("5  m", nil),
        ("1m30s", nil), ("s5", nil),
        ("9223372036854775807h", nil), ("01s", nil),
    ])
    func durations(text: String, expected: Int?) {
        #expect(DurationText.parse(text) == expected.map { .milliseconds($0) })
    }

    @Test(arguments: [
        ("0", 0), ("65536", 65_536), ("64KiB", 65_536), ("64kib", 65_536), ("1MiB", 1_048_576), ("1 MiB", 1_048_576),
        ("2GiB", 2_147_483_648),
        ("64kb", 64_000), ("64KB", 64_000), ("1mb", 1_000_000), ("1GB", 1_000_000_000), ("7B", 7), ("", nil),
        ("KiB", nil), ("1k", nil),
        ("1.5MiB", nil), ("-1", nil), ("1TiB", nil), ("9223372036854775807KiB", nil),
    ])
    func sizes(text: String, expected: Int?) {
        #expect(SizeText.parse(text) == expected)
    }

    @Test(arguments: [
        ("0ms", "0s"), ("999", "999ms"), ("60s", "1m"), ("75s", "75s"), ("90m", "90m"), ("120m", "2h"), ("1000", "1s"),
    ])
    func durationsArePrintedInTheLargestUnitThatFits(written: String, printed: String) throws {
        #expect(DurationText.text(try #require(DurationText.parse(written))) == printed)
    }

    @Test(arguments: [
        ("0", "0"), ("1024", "1KiB"), ("1000", "1000"), ("1536KiB", "1536KiB"), ("2048KiB", "2MiB"), ("1mb", "1000000"),
    ])
    func sizesArePrintedInTheLargestUnitThatFits(written: String, printed: String) throws {
        #expect(SizeText.text(try #require(SizeText.parse(written))) == printed)
    }

    @Test(arguments: 0..<200) func printedQuantitiesReadBack(seed: Int) throws {
        var random = SeededGenerator(seed)
        let magnitude = Int.random(in: 0...40, using: &random)
        let number = Int.random(in: 1...(1 << magnitude), using: &random)
        let rounded = number * [1, 1_000, 1_024, 60_000, 1 << 20, 3_600_000].randomElement(using: &random)!
        #expect(DurationText.parse(DurationText.text(.milliseconds(rounded))) == .milliseconds(rounded))
        #expect(SizeText.parse(SizeText.text(rounded)) == rounded)
        #expect(DurationText.parse("\(rounded)") == .milliseconds(rounded))
        #expect(DurationText.parse("\(number)s") == DurationText.parse("\(number)000"))
        #expect(SizeText.parse("\(number)KiB") == number << 10)
        #expect(Numeral.integer(Numeral.text(Double(number))) == number)
    }

    @Test func rangesIncludeTheirBounds() {
        let kind = SettingKind<Duration>.duration(.milliseconds(10)...(.seconds(1)))
        #expect(read(kind, "9ms") == nil)
        #expect(read(kind, "10ms") == .milliseconds(10))
        #expect(read(kind, "1s") == .seconds(1))
        #expect(read(kind, "1001") == nil)
    }

    @Test func wordsAreReadWithoutRegardToCase() {
        #expect(read(.word, "WARNING") == GatewayConfiguration.Log.Level.warning)
        #expect(read(.word, "json", .quoted) == GatewayConfiguration.Log.Format.json)
    }

    @Test func textIsTextWhateverItLooksLike() throws {
        for text in ["123", "no", "1e3", "0x1", "2026-01-01", "null-1"] {
            #expect(try load("cluster:\n  node_id: \(text)").configuration.cluster.nodeID == text)
        }
    }

    @Test func absenceIsAValueOfWhatIsOptional() throws {
        for null in ["", "~", "null"] {
            #expect(try load("listen:\n  public_host: \(null)").configuration.listen.publicHost == nil)
        }
        #expect(try load("listen:\n  public_host: g.example").configuration.listen.publicHost == "g.example")
        #expect(
            problems("listen:\n  public_host: a/b")
                == ["gateway.yaml:2: listen.public_host: expected an IP address or a host name, found `a/b`"])
    }
}
