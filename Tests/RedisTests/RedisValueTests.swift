import Redis
import Testing

struct RedisValueTests {
    @Test func accessorsReadTheirTypes() throws {
        #expect(try RedisValue.integer(7).asInteger == 7)
        #expect(try RedisValue.bytes(Array("-12".utf8)).asInteger == -12)
        #expect(try RedisValue.bytes([0, 255]).asBytes == [0, 255])
        #expect(try RedisValue.status("OK").asString == "OK")
        #expect(try RedisValue.null.asBytesIfPresent == nil)
        #expect(try RedisValue.null.asStringIfPresent == nil)
        let pairs = try RedisValue.array([.bytes(Array("a".utf8)), .integer(1)]).asPairs
        #expect(pairs.map(\.name) == ["a"])
        #expect(pairs.map(\.value) == [.integer(1)])
    }

    @Test(arguments: [
        RedisValue.null, .bytes(Array("x".utf8)), .bytes([]), .status("OK"), .array([]), .error("ERR"),
    ])
    func otherTypesAreNoIntegers(value: RedisValue) {
        #expect { try value.asInteger } throws: { ($0 as? RedisError)?.code == .unexpectedReply }
    }

    @Test func oddArraysAndBrokenTextAreErrors() {
        #expect(throws: RedisError.self) { try RedisValue.array([.null]).asPairs }
        #expect(throws: RedisError.self) { try RedisValue.bytes([0xff]).asString }
        #expect(throws: RedisError.self) { try RedisValue.null.asString }
    }

    @Test func commandsKeepTheirParts() {
        let command = RedisCommand("SET", "k", [0, 1] as [UInt8], 12, UInt64.max)
        let parts: [[UInt8]] = [
            Array("SET".utf8), Array("k".utf8), [0, 1], Array("12".utf8), Array("\(UInt64.max)".utf8),
        ]
        #expect(command.parts == parts)
        #expect(RedisCommand(parts) == command)
    }
}
