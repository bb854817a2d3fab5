import HTTPAPI
import Testing

@Suite struct PercentEncodingTests {
    @Test(arguments: [
        ("hello@20261120T100000Z", "hello@20261120T100000Z"), ("clean[3]", "clean%5B3%5D"),
        ("a b/ü", "a%20b%2F%C3%BC"),
        ("", ""),
    ]) func textComesBack(_ text: String, _ encoded: String) {
        #expect(PercentEncoding.encode(text) == encoded)
        #expect(PercentEncoding.decode(encoded) == text)
    }

    @Test(arguments: ["%", "%4", "%zz", "%ff", "a%c3", "%+1"]) func brokenEscapeIsRefused(_ text: String) {
        #expect(PercentEncoding.decode(text) == nil)
    }

    @Test func plusIsASpaceInQueriesAlone() {
        #expect(PercentEncoding.decode("a+b") == "a+b")
        #expect(PercentEncoding.decode("a+b", plusIsSpace: true) == "a b")
    }
}
