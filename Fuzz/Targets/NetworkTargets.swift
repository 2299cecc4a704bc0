import GatewayCore

/// Input: the first bytes of a connection from a proxy.
func fuzzProxyHeader(_ input: UnsafeRawBufferPointer) {
    let outcome = ProxyHeader.parse(input)
    switch outcome {
    case .header(let header):
        check((1...input.count).contains(header.length), "a header lies within the bytes")
        let alone = UnsafeRawBufferPointer(rebasing: input[..<header.length])
        check(ProxyHeader.parse(alone) == outcome, "what comes behind a header does not change it")
        for end in 1..<header.length {
            let part = UnsafeRawBufferPointer(rebasing: input[..<end])
            check(ProxyHeader.parse(part) == .incomplete, "the beginning of a header may become one")
        }
    case .incomplete: check(input.count < ProxyHeader.maxLength, "nobody waits for ever")
    case .invalid: break
    }
}

/// Input: the values of `Forwarded`, of `X-Forwarded-For` and of `X-Forwarded-Proto`, a line for each.
func fuzzForwarded(_ input: UnsafeRawBufferPointer) {
    let lines = input.split(separator: 0x0A, maxSplits: 2, omittingEmptySubsequences: false)
        .map { String(decoding: $0, as: UTF8.self) }
    let values = lines + Array(repeating: "", count: 3 - lines.count)
    let peer = IPAddress(ipv4: 0x7F00_0001)
    for forwarded in [values[0].isEmpty ? [] : [values[0]], []] {
        let path = ForwardedPath(forwarded: forwarded, forwardedFor: [values[1]], forwardedProto: [values[2]])
        check(path.origin(peer: peer) { _ in false } == (peer, nil), "nobody's word counts unless it is trusted")
        let origin = path.origin(peer: peer) { $0 == peer }
        check(origin.scheme == nil || origin.scheme == "http" || origin.scheme == "https", "there are two schemes")
        check(
            origin.address == peer || path.hops.contains { $0.address == origin.address }, "somebody named the origin")
    }
    if let range = IPAddressRange(values[0]), let address = IPAddress(values[0].prefix { $0 != "/" }) {
        check(range.contains(address), "a network has its own address in it")
    }
}
