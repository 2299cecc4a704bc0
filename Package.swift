// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "mcp-gateway",
    platforms: [.macOS("26.0")],
    products: [
        .executable(name: "mcp-gateway", targets: ["mcp-gateway"]),
        .library(name: "GatewayServer", targets: ["GatewayServer", "GatewayCore"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-http2.git", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-collections.git", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams.git", from: "6.2.2"),
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.6"),
        .package(url: "https://github.com/groue/GRDB.swift.git", from: "7.10.0"),
        .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.24.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing.git", from: "1.7.3"),
        .package(url: "https://github.com/vapor/jwt-kit.git", from: "5.7.1"),
    ],
    targets: [
        // Pure values: no I/O, no clock, no lock. Scripts/check-imports proves it.
        .target(name: "WireJSON"),
        .target(name: "JSONSchema", dependencies: ["WireJSON"]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "Deflate", dependencies: ["CZlib"]),
        .target(name: "WebSocketProtocol"),
        .target(name: "EventStream"),
        .target(name: "DeliveryHistory", dependencies: ["WireJSON"]),
        .target(name: "PhoenixProtocol", dependencies: ["WireJSON"]),
        .target(
            name: "ModelContextProtocol",
            dependencies: ["WireJSON", .product(name: "NIOCore", package: "swift-nio")]),
        .target(
            name: "GatewayCore",
            dependencies: [
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "NIOCore", package: "swift-nio"),
            ]),
        .target(
            name: "GatewayViability",
            dependencies: [
                "GatewayCore", "WireJSON", .product(name: "DequeModule", package: "swift-collections"),
            ]),
        .target(
            name: "GatewayConfiguration", dependencies: ["GatewayCore", .product(name: "Yams", package: "Yams")]),
        .target(name: "GatewayStore", dependencies: ["GatewayCore", .product(name: "NIOCore", package: "swift-nio")]),

        // Owners of sockets, locks and threads.
        .target(
            name: "GatewayServer",
            dependencies: [
                "CAllocator", "GatewayCore", "GatewayViability", "GatewayStore", "WireJSON", "JSONSchema", "Deflate",
                "WebSocketProtocol", "EventStream",
                "PhoenixProtocol",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOHTTP2", package: "swift-nio-http2"),
                .product(name: "NIOHPACK", package: "swift-nio-http2"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Crypto", package: "swift-crypto"),
            ]),
        .target(
            name: "GatewayMCP",
            dependencies: [
                "GatewayProcesses", "GatewayServer", "GatewayCore", "ModelContextProtocol", "WireJSON", "EventStream",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        .target(name: "CChildProcess"),
        .target(name: "CAllocator"),
        .target(
            name: "GatewayProcesses",
            dependencies: [
                "CChildProcess", "GatewayCore",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        .target(
            name: "GatewayStoreSQLite",
            dependencies: [
                "GatewayCore", "GatewayStore",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ]),
        .target(
            name: "GatewayWebhooks",
            dependencies: [
                "GatewayServer", "GatewayViability", "GatewayCore", "WireJSON",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ]),
        .target(
            name: "GatewayTelemetry",
            dependencies: [
                "GatewayServer", "GatewayCore", "WireJSON",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ]),
        .target(
            name: "GatewayAuthentication",
            dependencies: [
                "GatewayCore", "WireJSON",
                .product(name: "JWTKit", package: "jwt-kit"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
            ]),
        .target(
            name: "GatewayHTTP",
            dependencies: [
                "GatewayCore", "GatewayServer", "WireJSON",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ],
            resources: [.embedInCode("Resources")]),
        .target(
            name: "GatewayLoad",
            dependencies: [
                "EventStream", "PhoenixProtocol", "WireJSON",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ]),
        .executableTarget(
            name: "mcp-gateway",
            dependencies: [
                "GatewayLoad",
                "GatewayServer", "GatewayMCP", "GatewayHTTP", "GatewayWebhooks", "GatewayAuthentication",
                "GatewayViability", "GatewayTelemetry", "DeliveryHistory",
                "GatewayConfiguration", "GatewayCore",
                "GatewayStore", "GatewayStoreSQLite", "WebSocketProtocol", "WireJSON", "EventStream",
                "ModelContextProtocol", "JSONSchema",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),

        // A program that holds a gateway; `make test` builds and runs it.
        .executableTarget(
            name: "embedded-gateway",
            dependencies: ["GatewayServer", "GatewayCore", .product(name: "Logging", package: "swift-log")],
            path: "Examples/embedded-gateway"),

        // What reads strangers' bytes, for `make fuzz`; `make test` replays the corpora.
        .target(
            name: "FuzzTargets",
            dependencies: [
                "WireJSON", "Deflate", "WebSocketProtocol", "EventStream", "PhoenixProtocol", "GatewayCore",
                "GatewayServer", "ModelContextProtocol",
            ], path: "Fuzz/Targets"),
        // What several test targets use.
        .target(name: "TestSupport", dependencies: ["CZlib"], path: "Tests/TestSupport"),
        .testTarget(name: "FuzzTests", dependencies: ["FuzzTargets"]),

        .testTarget(name: "JSONSchemaTests", dependencies: ["JSONSchema"]),
        .testTarget(name: "WireJSONTests", dependencies: ["TestSupport", "WireJSON"]),
        .testTarget(name: "DeflateTests", dependencies: ["TestSupport", "Deflate", "CZlib"]),
        .testTarget(name: "WebSocketProtocolTests", dependencies: ["TestSupport", "WebSocketProtocol"]),
        .testTarget(name: "DeliveryHistoryTests", dependencies: ["TestSupport", "DeliveryHistory"]),
        .testTarget(name: "EventStreamTests", dependencies: ["TestSupport", "EventStream"]),
        .testTarget(name: "PhoenixProtocolTests", dependencies: ["TestSupport", "PhoenixProtocol", "WireJSON"]),
        .testTarget(
            name: "ModelContextProtocolTests",
            dependencies: ["ModelContextProtocol", "WireJSON", .product(name: "NIOCore", package: "swift-nio")]),
        .testTarget(
            name: "GatewayMCPTests", dependencies: ["GatewayMCP", .product(name: "NIOCore", package: "swift-nio")]),
        .testTarget(name: "GatewayLoadTests", dependencies: ["GatewayLoad", "WireJSON"]),
        .testTarget(name: "GatewayTelemetryTests", dependencies: ["GatewayTelemetry", "GatewayServer", "GatewayCore"]),
        .testTarget(name: "GatewayWebhooksTests", dependencies: ["GatewayWebhooks", "GatewayServer", "GatewayCore"]),
        .testTarget(
            name: "GatewayAuthenticationTests",
            dependencies: [
                "GatewayAuthentication", "GatewayCore", "WireJSON", .product(name: "JWTKit", package: "jwt-kit"),
            ]),
        .testTarget(name: "GatewayCoreTests", dependencies: ["TestSupport", "GatewayCore"]),
        .testTarget(
            name: "GatewayViabilityTests", dependencies: ["TestSupport", "GatewayViability", "GatewayCore", "WireJSON"]),
        .testTarget(name: "GatewayConfigurationTests", dependencies: ["TestSupport", "GatewayConfiguration"]),
        .testTarget(
            name: "SimulationTests",
            dependencies: [
                "TestSupport", "GatewayCore", "GatewayStore", "DeliveryHistory",
                .product(name: "NIOCore", package: "swift-nio"),
            ]),
        // A program that tests kill while it holds processes.
        .executableTarget(
            name: "holds-processes", dependencies: ["GatewayProcesses"], path: "Tests/Programs/holds-processes"),
        // A program that puts faults into a gateway that it holds, for Benchmarks/viability/audit.
        .executableTarget(
            name: "audit-faults",
            dependencies: [
                "GatewayServer", "GatewayViability", "GatewayCore", .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/Programs/audit-faults"),
        .testTarget(
            name: "GatewayProcessesTests",
            dependencies: ["TestSupport", "GatewayProcesses", "GatewayCore", "holds-processes"]),
        .testTarget(
            name: "GatewayStoreTests",
            dependencies: [
                "TestSupport",
                "GatewayStore", "GatewayStoreSQLite", "GatewayCore",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "GRDB", package: "GRDB.swift"),
            ]),
        .testTarget(
            name: "GatewayServerTests",
            dependencies: [
                "TestSupport", "GatewayServer", "GatewayCore", "GatewayViability", "GatewayStore", "Deflate", "CZlib",
            ]),
    ],
    swiftLanguageModes: [.v6]
)

// libFuzzer brings its own `main`, so that this executable can only be linked by Fuzz/run.
if Context.environment["MCP_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "fuzz", dependencies: ["FuzzTargets"], path: "Fuzz/Driver",
            swiftSettings: [.unsafeFlags(["-parse-as-library"])]))
}

// Counts allocations in place of the C library; built by `make bench-micro` only.
if Context.environment["MCP_MICRO"] != nil {
    package.targets += [
        .target(name: "CountedAllocation", path: "Benchmarks/Micro/CountedAllocation"),
        .executableTarget(
            name: "micro-benchmarks",
            dependencies: [
                "CountedAllocation", "GatewayCore", "GatewayServer", .product(name: "NIOCore", package: "swift-nio"),
            ], path: "Benchmarks/Micro/Sources"),
    ]
}
