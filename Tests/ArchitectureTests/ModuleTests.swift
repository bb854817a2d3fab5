import Testing

/// The arrows between the modules: what each may depend on, in the manifest and in its imports.
struct ModuleTests {
    /// The modules of this package, each with those of the package that it may depend on.
    private static let allowed: [String: Set<String>] = [
        "CZooKeeper": [], "CHiredis": [], "CZlib": [], "CProcess": [],
        "ZnodeStore": [],
        "ZnodeStoreSQLite": ["ZnodeStore"],
        "ZooKeeper": ["CZooKeeper", "ZnodeStore"],
        "Redis": ["CHiredis"],
        "Cron": [],
        "Processes": ["CProcess"],
        "Scheduling": ["Cron"],
        "JobFile": ["Scheduling", "Cron"],
        "Coordination": ["CZlib", "Cron", "Scheduling", "ZnodeStore"],
        "Mirror": ["Scheduling", "Cron", "Redis"],
        "Node": ["CZlib", "Coordination", "Cron", "Processes", "Scheduling", "ZnodeStore"],
        "HTTPAPI": ["Node", "JobFile", "Scheduling", "Cron", "Processes"],
        "SkyfireClient": ["JobFile", "Scheduling", "Cron"],
        "Simulation": ["Coordination", "Cron", "Node", "Scheduling", "ZnodeStore"],
        "SkyfireSim": ["Simulation"],
        "skyfire": [
            "Coordination", "Cron", "HTTPAPI", "Mirror", "Node", "Processes", "Redis", "Scheduling",
            "SkyfireClient", "ZnodeStore", "ZnodeStoreSQLite", "ZooKeeper",
        ],
        // Judges what the others did: it must not inherit their mistakes.
        "HistoryChecking": ["CZlib"],
        "HistoryChecker": ["HistoryChecking"],
    ]

    @Test func theManifestHasTheseModulesAndArrows() throws {
        let manifest = try Repository.text(of: "Package.swift")
        let targets = Self.targets(in: manifest)
        #expect(Set(targets.keys) == Set(Self.allowed.keys))
        for (target, dependencies) in targets.sorted(by: { $0.key < $1.key }) {
            let excess = dependencies.subtracting(Self.allowed[target] ?? [])
            #expect(excess.sorted() == [], "\(target) must not depend on these")
        }
    }

    @Test func importsFollowTheArrows() throws {
        for file in try Repository.swiftFiles(below: "Sources") {
            let module = file.split(separator: "/")[1]
            let allowed = Self.allowed[String(module)] ?? []
            for name in Self.imports(of: try Repository.text(of: file)) where Self.allowed[name] != nil {
                #expect(allowed.contains(name), "\(file) imports \(name)")
            }
        }
    }

    /// There is no way round, whatever the table says.
    @Test func theArrowsHaveNoCycle() {
        var state: [String: Bool] = [:]
        func isFree(_ module: String) -> Bool {
            if let isDone = state[module] { return isDone }
            state[module] = false
            defer { state[module] = true }
            return (Self.allowed[module] ?? []).allSatisfy(isFree)
        }
        for module in Self.allowed.keys.sorted() { #expect(isFree(module), "\(module) depends on itself") }
    }

    @Test(arguments: [("CZooKeeper", "ZooKeeper"), ("CHiredis", "Redis"), ("CProcess", "Processes")])
    func aCLibraryHasOneUser(library: String, user: String) throws {
        for file in try Repository.swiftFiles(below: "Sources") where !file.hasPrefix("Sources/\(user)/") {
            #expect(
                !Self.imports(of: try Repository.text(of: file)).contains(library),
                "\(file) imports \(library)"
            )
        }
    }

    /// Databases and network libraries stay out of what decides.
    @Test(arguments: ["Cron", "Scheduling", "ZnodeStore", "Coordination"])
    func whatDecidesKnowsNoServer(module: String) throws {
        let foreign: Set<String> = [
            "ArgumentParser", "AsyncHTTPClient", "Foundation", "GRDB", "Hummingbird", "NIOCore", "NIOHTTP1",
            "NIOPosix",
        ]
        for file in try Repository.swiftFiles(below: "Sources/\(module)") {
            let found = foreign.intersection(Self.imports(of: try Repository.text(of: file)))
            #expect(found.sorted() == [], "\(file)")
        }
    }

    /// Names of modules in import declarations.
    static func imports(of source: String) -> Set<String> {
        let pattern =
            /^(?:@\w+(?:\([^)]*\))? )*(?:package |public |internal |private |fileprivate )?import (?:struct |enum |class |protocol |func |typealias )?(\w+)/
        var names: Set<String> = []
        for line in source.split(separator: "\n") {
            if let match = line.firstMatch(of: pattern) { names.insert(String(match.1)) }
        }
        return names
    }

    /// Targets but tests, each with the dependencies that are named as text: those of this package.
    private static func targets(in manifest: String) -> [String: Set<String>] {
        var targets: [String: Set<String>] = [:]
        let declarations = manifest.matches(of: /\.(target|systemLibrary|executableTarget|testTarget)\(/)
        for (index, declaration) in declarations.enumerated() {
            let end =
                index + 1 < declarations.count ? declarations[index + 1].range.lowerBound : manifest.endIndex
            let text = manifest[declaration.range.upperBound..<end]
            guard let name = text.firstMatch(of: /name: "(\w+)"/)?.1, !text.contains("path: \"Tests/") else {
                continue
            }
            guard declaration.1 != "testTarget" else { continue }
            let list = text.firstMatch(of: /dependencies: \[([^\]]*)\]/)?.1 ?? ""
            targets[String(name)] = Set(list.matches(of: /"(\w+)"/).map { String($0.1) })
        }
        return targets
    }
}
