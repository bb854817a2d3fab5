internal import ArgumentParser

/// `skyfire init [DIR]`
struct InitCommand: ClientVerb {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Write a sample job with comments; files that exist are left alone."
    )

    @Argument(help: ArgumentHelp("Where to; made where it is missing.", valueName: "dir"))
    var directory = "."

    @OptionGroup var globals: GlobalOptions

    func perform(_ session: ClientSession) async throws {
        try FileText.makeDirectory(directory)
        let path = (directory.hasSuffix("/") ? directory : directory + "/") + "hello.yaml"
        try FileText.create(path, Self.sample)
        session.console.line(path)
        session.console.note("next: skyfire apply -f \(path) && skyfire run hello --follow")
    }

    static let sample = #"""
        # A job of Skyfire. Check it with `skyfire validate hello.yaml`, store it with `skyfire apply -f hello.yaml`.
        version: 1
        name: hello                       # [project.]name, unique in the cluster
        title: {en: A first flow}
        labels: {team: demo}

        # When it runs. Without a schedule it runs when somebody says so: `skyfire run hello --follow`.
        # schedule:
        #   - cron: "10 0 * * *"          # minute hour day-of-month month day-of-week
        #     zone: Asia/Shanghai         # always named, so that nobody has to guess
        #   - every: 1h

        overlap: skip                     # what to do while an earlier run is not over: skip | allow_all
        misfire: {policy: run_once, window: 2h}   # and with times that were missed: skip | run_once | run_all

        params:                           # skyfire run hello -p name=Ada
          name: {type: string, default: world}

        tasks:
          - id: greet
            run: echo "hello, ${params.name}"    # a line for /bin/sh; ${params.…} arrives safely quoted

          - id: count                     # four partitions, run in parallel on the workers
            needs: [greet]
            partitions: {count: 4}
            run: echo "part $SKYFIRE_PARTITION_INDEX of $SKYFIRE_PARTITION_COUNT"
            retry: {max: 2, backoff: {kind: exponential, initial: 1s}}
            timeout: 1m

          - id: finish                    # waits for all four
            needs: [count]
            run: [echo, done]             # a list is run without a shell
        """# + "\n"
}
