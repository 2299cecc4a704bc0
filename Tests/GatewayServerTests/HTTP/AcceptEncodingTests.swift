import Testing

@testable import GatewayServer

/// RFC 9110 §12.5.3: what may be sent to whom.
struct AcceptEncodingTests {
    @Test(arguments: [
        ("gzip", AcceptEncoding.Choice.gzip), ("GZIP", .gzip), ("x-gzip", .gzip), ("gzip, deflate, br, zstd", .gzip),
        ("deflate, gzip;q=1.0, *;q=0.5", .gzip), ("gzip;q=0.001", .gzip), ("gzip ; q=0.8 , identity;q=0.5", .gzip),
        ("gzip;Q=1", .gzip), ("gzip;q=1.", .gzip), ("*", .gzip), ("*;q=0.1", .gzip), ("identity;q=0, *", .gzip),
        ("gzip, *;q=0", .gzip), ("gzip;q=0.5, identity;q=0", .gzip), ("gzip;q=0.5, identity;q=0.5", .gzip),
        ("gzip;q=0, x-gzip", .gzip),
        ("", .identity), ("identity", .identity), ("br", .identity), ("gzip;q=0", .identity),
        ("gzip;q=0.000", .identity), ("gzip;q=0, *", .identity), ("gzip;q=0.5, identity", .identity),
        ("gzip;q=0.2, *;q=0.5", .identity), ("*;q=0, identity", .identity), ("not-gzip", .identity),
        ("gzip;q=2", .identity), ("gzip;q=1.001", .identity), ("gzip;q=0.0001", .identity), ("gzip;q=x", .identity),
        ("gzip;q=", .identity), ("gzip;q=-1", .identity), ("gzip;level=1", .identity), ("gzip;q=1;q=0", .identity),
        ("gzip;", .identity), (",,;,", .identity),
        ("identity;q=0", .nothing), ("*;q=0", .nothing), ("identity;q=0, gzip;q=0", .nothing),
        ("br, identity;q=0.0", .nothing), ("gzip;q=0, *;q=0", .nothing),
    ])
    func `the header decides`(header: String, choice: AcceptEncoding.Choice) {
        #expect(AcceptEncoding.choose([header], offersGzip: true) == choice)
    }

    @Test func `lines are read as one list, and none leaves the answer as it is`() {
        #expect(AcceptEncoding.choose([], offersGzip: true) == .identity)
        #expect(AcceptEncoding.choose(["br", "gzip"], offersGzip: true) == .gzip)
        #expect(AcceptEncoding.choose(["identity;q=0", "gzip;q=0"], offersGzip: true) == .nothing)
    }

    @Test func `what is switched off is not chosen`() {
        #expect(AcceptEncoding.choose(["gzip"], offersGzip: false) == .identity)
        #expect(AcceptEncoding.choose(["*"], offersGzip: false) == .identity)
        #expect(AcceptEncoding.choose(["gzip, identity;q=0"], offersGzip: false) == .nothing)
    }
}
