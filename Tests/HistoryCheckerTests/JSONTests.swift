import HistoryChecking
import Testing

struct JSONTests {
    @Test(arguments: [
        (
            #"{"a":[1,-2,3.5,true,null],"b":"x\"\\\/\u00e9\ud83d\ude00"}"#,
            #"{"a":[1,-2,3.5,true,null],"b":"x\"\\/é😀"}"#
        ),
        (" [ ] ", "[]"),
        ("\"\\n\\t\"", "\"\\n\\t\""),
        ("12345678901234567890", "1.2345678901234567e+19"),
    ])
    func readsAndWrites(text: String, expected: String) throws {
        #expect(try #require(JSON(text: text)).text == expected)
    }

    @Test(arguments: ["", "{", "{\"a\":}", "[1,]", "tru", "\"a", "1 2", "{\"a\" 1}", "\"\\ud800\"", "\u{1}"])
    func refuses(text: String) {
        #expect(JSON(text: text) == nil)
    }

    @Test func nestingIsBounded() {
        #expect(JSON(text: String(repeating: "[", count: 1000) + String(repeating: "]", count: 1000)) == nil)
    }
}
