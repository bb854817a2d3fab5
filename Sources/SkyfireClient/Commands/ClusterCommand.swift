internal import ArgumentParser

/// `skyfire cluster …`
struct ClusterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster",
        abstract: "Look at the cluster, pause it, go on.",
        subcommands: [
            ClusterStatus.self, ClusterPause.self, ClusterResume.self, ClusterTakeover.self,
            ClusterConfigure.self, ClusterLeader.self,
        ],
        defaultSubcommand: ClusterStatus.self
    )
}

/// `skyfire cluster status`
struct ClusterStatus: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show the state of the cluster."
    )

    @OptionGroup var globals: GlobalOptions

    func perform(_ session: ClientSession) async throws {
        session.one(try await session.api.get(APIPath("cluster")).tree(), Columns.cluster)
    }
}

/// `skyfire cluster pause`
struct ClusterPause: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Start no new attempts in the whole cluster; what runs goes on."
    )

    @Option(help: ArgumentHelp("Why, for the record.", valueName: "text"))
    var reason: String?

    @OptionGroup var globals: GlobalOptions

    func perform(_ session: ClientSession) async throws {
        let answer = try await session.post(APIPath("cluster", verb: "pause"), reason: reason)
        session.one(try answer.tree(), Columns.cluster, lines: ["cluster paused"])
    }
}

/// `skyfire cluster resume`
struct ClusterResume: ClientVerb {
    static let configuration = CommandConfiguration(commandName: "resume", abstract: "Go on after a pause.")

    @Option(help: ArgumentHelp("Why, for the record.", valueName: "text"))
    var reason: String?

    @OptionGroup var globals: GlobalOptions

    func perform(_ session: ClientSession) async throws {
        let answer = try await session.post(APIPath("cluster", verb: "resume"), reason: reason)
        session.one(try answer.tree(), Columns.cluster, lines: ["cluster running"])
    }
}

/// `skyfire cluster takeover`
struct ClusterTakeover: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "takeover",
        abstract:
            "Give up the workers that are gone: safe mode ends, and the rest takes everything of theirs over.",
        discussion: """
            When fewer than half of three or more known workers are present, nothing is taken over, because the trouble may be
            the network's. Say this when those that are missing will not return. One that does return counts again.
            """
    )

    @Option(help: ArgumentHelp("Why, for the record.", valueName: "text"))
    var reason: String?

    @OptionGroup var globals: GlobalOptions

    func perform(_ session: ClientSession) async throws {
        let answer = try await session.post(APIPath("cluster", verb: "takeover"), reason: reason)
        session.one(try answer.tree(), Columns.cluster, lines: ["absent workers are given up"])
    }
}

/// `skyfire cluster configure`
struct ClusterConfigure: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "configure",
        abstract: "Change the settings of the whole cluster; they apply at once."
    )

    @Option(
        help: ArgumentHelp(
            "How many runs the queue takes. Beyond that timers hold back, and new runs are refused.",
            valueName: "n"
        )
    )
    var maxQueue: Int

    @OptionGroup var globals: GlobalOptions

    mutating func validate() throws {
        if !(1...1_000_000).contains(maxQueue) { throw ValidationError("--max-queue is 1 to 1000000") }
    }

    func perform(_ session: ClientSession) async throws {
        let body = JSONTree.object(["maximum_queue_length": .integer(Int64(maxQueue))])
        let answer = try await session.api.checked(
            .post,
            APIPath("cluster", verb: "configure").description,
            json: Array(body.json(isPretty: false).utf8)
        )
        session.one(try answer.tree(), Columns.cluster, lines: ["the queue takes \(maxQueue) runs"])
    }
}

/// `skyfire cluster leader`
struct ClusterLeader: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "leader",
        abstract: "Show which worker leads; exit 8 where none does."
    )

    @OptionGroup var globals: GlobalOptions

    func perform(_ session: ClientSession) async throws {
        let cluster = try await session.api.get(APIPath("cluster")).tree()
        guard let leader = cluster["leader"]?.text else {
            throw ClientError(.unreachable, "the cluster has no leader")
        }
        let address = cluster["leader_address"]?.text ?? ""
        session.one(
            .object(
                Dictionary(
                    uniqueKeysWithValues: ["leader", "leader_address", "term"].map {
                        ($0, cluster[$0] ?? .null)
                    }
                )
            ),
            [Column("LEADER", "leader"), Column("LEADER ADDRESS", "leader_address"), Column("TERM", "term")],
            lines: [address.isEmpty ? leader : "\(leader) \(address)"]
        )
    }
}

/// `skyfire workers …`
struct WorkersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "workers",
        abstract: "List workers, drain them, give them work again.",
        subcommands: [WorkersList.self, WorkersDrain.self, WorkersEnable.self],
        defaultSubcommand: WorkersList.self
    )
}

/// `skyfire workers list`
struct WorkersList: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the workers.",
        discussion: "Filters: state (ready, draining), pool."
    )

    @OptionGroup var list: ListOptions
    @OptionGroup var globals: GlobalOptions

    func perform(_ session: ClientSession) async throws {
        var verb = ListWorkers()
        verb.list = list
        verb.globals = globals
        try await verb.perform(session)
    }
}

/// `skyfire workers drain ID`
struct WorkersDrain: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Give a worker no new attempts; what it runs goes on."
    )

    @Argument(help: ArgumentHelp("The worker's id, worker-N.", valueName: "id"))
    var id: String

    @OptionGroup var globals: GlobalOptions

    func perform(_ session: ClientSession) async throws {
        let worker = try await session.post(APIPath("workers", id, verb: "drain"), reason: nil).tree()
        session.one(worker, Columns.workers, lines: ["\(id) \(worker["state"]?.text ?? "?")"])
    }
}

/// `skyfire workers enable ID`
struct WorkersEnable: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "enable",
        abstract: "Give a drained worker attempts again."
    )

    @Argument(help: ArgumentHelp("The worker's id, worker-N.", valueName: "id"))
    var id: String

    @OptionGroup var globals: GlobalOptions

    func perform(_ session: ClientSession) async throws {
        let worker = try await session.post(APIPath("workers", id, verb: "enable"), reason: nil).tree()
        session.one(worker, Columns.workers, lines: ["\(id) \(worker["state"]?.text ?? "?")"])
    }
}
