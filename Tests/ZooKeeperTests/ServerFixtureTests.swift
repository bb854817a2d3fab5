import ServerFixtures
import Testing

@Suite struct ServerFixtureTests {
    @Test func redisKeepsWhatItIsToldTo() async throws {
        var options = RedisServer.Options()
        options.keepsData = true
        let server = try await RedisServer.start(options)
        let ask = { (text: String) in Loopback.ask(text + "\r\n", port: server.port, until: "\r\n") }
        #expect(ask("SET key value") == "+OK\r\n")
        server.suspend()
        #expect(ask("PING") == nil)
        server.resume()
        #expect(ask("PING") != nil)
        try await server.restart()
        #expect(ask("STRLEN key") == ":5\r\n")
        server.stop()
        #expect(ask("PING") == nil)
    }

    @Test func suspendedZooKeeperAnswersNothing() async throws {
        let server = try await ZooKeeperServer.start()
        #expect(server.ask("ruok") == "imok")
        server.suspend()
        #expect(server.ask("ruok") == nil)
        server.resume()
        #expect(server.ask("ruok") == "imok")
        server.stop()
        #expect(server.ask("ruok") == nil)
    }
}
