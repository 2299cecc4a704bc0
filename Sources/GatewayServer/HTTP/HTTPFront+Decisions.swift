import GatewayCore
import NIOCore
import NIOHTTP1

/// What has been decided of a request is done; what cannot be answered at once is answered later.
extension HTTPFront {
    func decide(_ request: FrontRequest, closing: Bool, _ context: ChannelHandlerContext) {
        let head = request.head
        switch gateway.route(request, loop) {
        case .answer(let response):
            respond(response, closing: closing, isHead: head.method == .HEAD)
            loop.dispatchWakes(except: nil)
        case .later:
            phase = .answering
            closesAfterAnswer = closing
            loop.dispatchWakes(except: nil)
        case .restore(let clients):
            phase = .answering
            let front = NIOLoopBound(self, eventLoop: context.eventLoop)
            let waiting = NIOLoopBound(request, eventLoop: context.eventLoop)
            gateway.restore(clients, on: loop.index) { _ in front.value.restored(waiting.value, closing: closing) }
        case .api(let extraHeaders):
            askAPI(request, extraHeaders, closing: closing, context)
        case .stream(let engine, let service):
            engine.address = request.remoteAddress
            ask(engine.inquiry, context) { [self] context in
                pace(context) { self.open(engine, as: service, isParserPaused: head.asksForUpgrade, $0) }
            }
        case .endpoint(let endpoint, let extraHeaders):
            phase = .answering
            if repeated == nil, head.method == .POST, !closing { rememberHeads(context) }
            let exchange = Exchange(self, extraHeaders: extraHeaders, eventLoop: context.eventLoop)
            self.exchange = exchange
            exchangeTraits = (closing, head.method == .HEAD, head.version == .http1_0)
            exchangePrincipal = request.identity.principal
            endpoint.handle(EndpointRequest(request), exchange)
        case .longPoll(let call):
            phase = .answering
            if case .poll = call.work { poll = call }
            let front = NIOLoopBound(self, eventLoop: context.eventLoop)
            gateway.handle(call) { response in
                front.eventLoop.execute { front.value.finishAnswer(response, closing: closing, isHead: false) }
            }
        }
    }

    /// What is stored for those whom the request is about has been read, as far as it can be.
    private func restored(_ request: FrontRequest, closing: Bool) {
        guard phase == .answering, let context else { return }
        loop.begin()
        var request = request
        request.hasWaited = true
        // Whatever it leads to finds a request that has just come.
        phase = .receiving
        decide(request, closing: closing, context)
        guard phase == .idle else { return }
        goOn(context)
    }

    private func askAPI(
        _ request: FrontRequest, _ extraHeaders: HTTPHeaders, closing: Bool, _ context: ChannelHandlerContext
    ) {
        phase = .answering
        var wanted = APIRequest(
            head: request.head, body: request.body, service: service, remoteAddress: request.remoteAddress)
        wanted.isAdministrator = request.identity.principal?.capabilities.allow(.admin) == true
        let apiRequest = wanted
        let responder = gateway.api.withLock { $0 }
        let front = NIOLoopBound(self, eventLoop: context.eventLoop)
        let isHead = request.head.method == .HEAD
        Task {
            var response =
                await responder?.respond(to: apiRequest) ?? .problem(Problem(503, "overloaded", "not ready"))
            response.headers.add(contentsOf: extraHeaders)
            let answer = response
            front.eventLoop.execute { front.value.finishAnswer(answer, closing: closing, isHead: isHead) }
        }
    }

    /// What the request brought is stored, or cannot be.
    func finishStored(_ answer: StoredAnswer, _ headers: HTTPHeaders) {
        let response: APIResponse =
            switch answer {
            case .success(let body): .json(.accepted, body)
            case .failure(let problem): .problem(problem)
            }
        finishAnswer(response.adding(headers), closing: closesAfterAnswer, isHead: false)
    }
}
