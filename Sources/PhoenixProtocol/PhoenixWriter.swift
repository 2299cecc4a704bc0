import WireJSON

/// Writes the gateway's messages in the form that the client speaks. Text of one frame, without the frame's header.
public enum PhoenixWriter {
    /// JSON null, in place of an absent reference.
    public static let null: [UInt8] = Array("null".utf8)

    /// A reply: `phx_reply` with status and response.
    /// - Parameters:
    ///   - joinRef, ref: the references in their JSON form.
    ///   - topic: the topic's JSON form.
    ///   - response: the response's JSON form.
    public static func appendReply(
        _ version: PhoenixVersion, joinRef: some Collection<UInt8>, ref: some Collection<UInt8>,
        topic: some Collection<UInt8>, isError: Bool, response: some Collection<UInt8>, to output: inout [UInt8]
    ) {
        let status = isError ? #"{"status":"error","response":"# : #"{"status":"ok","response":"#
        switch version {
        case .v1:
            output.append(contentsOf: #"{"topic":"#.utf8)
            output.append(contentsOf: topic)
            output.append(contentsOf: #","event":"phx_reply","ref":"#.utf8)
            output.append(contentsOf: ref)
            output.append(contentsOf: #","payload":"#.utf8)
            output.append(contentsOf: status.utf8)
            output.append(contentsOf: response)
            output.append(contentsOf: "}}".utf8)
        case .v2:
            output.append(UInt8(ascii: "["))
            output.append(contentsOf: joinRef)
            output.append(UInt8(ascii: ","))
            output.append(contentsOf: ref)
            output.append(UInt8(ascii: ","))
            output.append(contentsOf: topic)
            output.append(contentsOf: #","phx_reply","#.utf8)
            output.append(contentsOf: status.utf8)
            output.append(contentsOf: response)
            output.append(contentsOf: "}]".utf8)
        }
    }

    /// A push of the gateway.
    /// - Parameters:
    ///   - joinRef: the channel's join reference in its JSON form. V1 has no place for it.
    ///   - ref: the reference in its JSON form: null, except in `phx_close` and `phx_error`, which name the join.
    public static func appendPush(
        _ version: PhoenixVersion, joinRef: some Collection<UInt8>, ref: some Collection<UInt8>, topic: String,
        event: String, payload: some Collection<UInt8>, to output: inout [UInt8]
    ) {
        switch version {
        case .v1:
            output.append(contentsOf: #"{"topic":"#.utf8)
            JSONText.appendQuoted(topic.utf8, to: &output)
            output.append(contentsOf: #","event":"#.utf8)
            JSONText.appendQuoted(event.utf8, to: &output)
            output.append(contentsOf: #","ref":"#.utf8)
            output.append(contentsOf: ref)
            output.append(contentsOf: #","payload":"#.utf8)
            output.append(contentsOf: payload)
            output.append(UInt8(ascii: "}"))
        case .v2:
            output.append(UInt8(ascii: "["))
            output.append(contentsOf: joinRef)
            output.append(UInt8(ascii: ","))
            output.append(contentsOf: ref)
            output.append(UInt8(ascii: ","))
            JSONText.appendQuoted(topic.utf8, to: &output)
            output.append(UInt8(ascii: ","))
            JSONText.appendQuoted(event.utf8, to: &output)
            output.append(UInt8(ascii: ","))
            output.append(contentsOf: payload)
            output.append(UInt8(ascii: "]"))
        }
    }
}
