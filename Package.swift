// swift-tools-version: 6.2

import PackageDescription

let settings: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let asyncHTTPClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let collections = Target.Dependency.product(name: "Collections", package: "swift-collections")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

let package = Package(
    name: "skyfire",
    products: [
        .executable(name: "skyfire", targets: ["skyfire"]),
        .executable(name: "skyfire-sim", targets: ["SkyfireSim"]),
        .executable(name: "skyfire-history", targets: ["HistoryChecker"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(
            url: "https://github.com/hummingbird-project/hummingbird",
            from: "2.28.0",
            traits: []
        ),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // C libraries: module maps and shims, no logic.
        .systemLibrary(name: "CZooKeeper", providers: [.apt(["libzookeeper-mt-dev"])]),
        .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"])]),
        .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "CProcess"),

        // Libraries that know nothing of jobs.
        .target(name: "ZnodeStore", dependencies: [logging], swiftSettings: settings),
        .target(
            name: "ZnodeStoreSQLite",
            dependencies: ["ZnodeStore", grdb, logging],
            swiftSettings: settings
        ),
        .target(
            name: "ZooKeeper",
            dependencies: ["CZooKeeper", "ZnodeStore", logging],
            swiftSettings: settings
        ),
        .target(name: "Redis", dependencies: ["CHiredis", logging], swiftSettings: settings),
        .target(name: "Cron", swiftSettings: settings),
        .target(name: "Processes", dependencies: ["CProcess"], swiftSettings: settings),

        // Decisions: pure.
        .target(name: "Scheduling", dependencies: ["Cron", collections], swiftSettings: settings),
        .target(name: "JobFile", dependencies: ["Scheduling", "Cron", yams], swiftSettings: settings),

        // Shells.
        .target(
            name: "Coordination",
            dependencies: ["CZlib", "Cron", "Scheduling", "ZnodeStore", collections],
            swiftSettings: settings
        ),
        .target(
            name: "Mirror",
            dependencies: ["Scheduling", "Cron", "Redis", grdb, logging],
            swiftSettings: settings
        ),
        .target(
            name: "Node",
            dependencies: [
                "Coordination", "Cron", "Processes", "Scheduling", "ZnodeStore", asyncHTTPClient, logging,
                nioCore,
                nioHTTP1, collections,
            ],
            swiftSettings: settings
        ),
        .target(
            name: "HTTPAPI",
            dependencies: [
                "Node", "JobFile", "Scheduling", "Cron", "Processes", hummingbird, asyncHTTPClient, httpTypes,
                lifecycle, logging, nioCore, nioHTTP1, nioPosix, yams,
            ],
            swiftSettings: settings
        ),
        .target(
            name: "SkyfireClient",
            dependencies: [
                "JobFile", "Scheduling", "Cron", argumentParser, asyncHTTPClient, logging, nioCore, nioHTTP1,
                nioPosix,
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "skyfire",
            dependencies: [
                "Coordination", "Cron", "HTTPAPI", "Mirror", "Node", "Processes", "Redis", "Scheduling",
                "SkyfireClient", "ZnodeStore", "ZnodeStoreSQLite", "ZooKeeper",
                argumentParser, lifecycle, logging, unixSignals,
            ],
            swiftSettings: settings
        ),

        // Whole clusters in virtual time.
        .target(
            name: "Simulation",
            dependencies: [
                "Coordination", "Cron", "Node", "Scheduling", "ZnodeStore", collections, logging,
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "SkyfireSim",
            dependencies: ["Simulation", argumentParser],
            swiftSettings: settings
        ),

        // Judges recorded histories; shares no code with what it judges.
        .target(name: "HistoryChecking", dependencies: ["CZlib"], swiftSettings: settings),
        .executableTarget(
            name: "HistoryChecker",
            dependencies: ["HistoryChecking", argumentParser],
            swiftSettings: settings
        ),

        // What tests share.
        .target(name: "ServerFixtures", path: "Tests/ServerFixtures", swiftSettings: settings),
        .target(
            name: "StoreConformance",
            dependencies: ["ZnodeStore"],
            path: "Tests/StoreConformance",
            swiftSettings: settings
        ),

        .testTarget(name: "CronTests", dependencies: ["Cron"], exclude: ["Oracle"], swiftSettings: settings),
        .testTarget(
            name: "SchedulingTests",
            dependencies: ["Scheduling", "Cron", collections],
            swiftSettings: settings
        ),
        .testTarget(
            name: "JobFileTests",
            dependencies: ["JobFile", "Scheduling", "Cron"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ZnodeStoreTests",
            dependencies: ["ZnodeStore", "StoreConformance"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ZnodeStoreSQLiteTests",
            dependencies: ["ZnodeStoreSQLite", "ZnodeStore", "StoreConformance"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ZooKeeperTests",
            dependencies: ["ZooKeeper", "ZnodeStore", "ServerFixtures", logging],
            swiftSettings: settings
        ),
        .testTarget(name: "RedisTests", dependencies: ["Redis", logging], swiftSettings: settings),
        .testTarget(
            name: "MirrorTests",
            dependencies: ["Mirror", "Redis", "Scheduling", "Cron", "ServerFixtures", logging],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ProcessesTests",
            dependencies: ["Processes", "CProcess", "skyfire"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "HTTPAPITests",
            dependencies: [
                "HTTPAPI", "Node", "JobFile", "Scheduling", "Cron", "Processes", asyncHTTPClient, httpTypes,
                lifecycle,
                logging, nioCore, nioHTTP1, nioPosix,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SkyfireClientTests",
            dependencies: [
                "SkyfireClient", "JobFile", "Scheduling", "Cron", argumentParser, asyncHTTPClient, logging,
                nioCore,
                nioHTTP1, nioPosix,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "CoordinationTests",
            dependencies: ["Coordination", "Cron", "Scheduling", "ZnodeStore"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "NodeTests",
            dependencies: [
                "Coordination", "Cron", "Mirror", "Node", "Processes", "Scheduling", "ZnodeStore", logging,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SimulationTests",
            dependencies: ["Simulation", "SkyfireSim", "ZnodeStore"],
            swiftSettings: settings
        ),
        .testTarget(name: "ArchitectureTests", swiftSettings: settings),
        .testTarget(
            name: "HistoryCheckerTests",
            dependencies: ["HistoryChecking", "Cron", "ServerFixtures", "ZnodeStore", "ZooKeeper"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ClusterTests",
            dependencies: ["skyfire", "ServerFixtures", "ZnodeStore", "ZooKeeper", logging],
            swiftSettings: settings
        ),
        .testTarget(
            name: "IntegrationTests",
            dependencies: ["ZnodeStore", "ZooKeeper", "StoreConformance", "ServerFixtures", logging],
            swiftSettings: settings
        ),
    ],
    swiftLanguageModes: [.v6]
)
