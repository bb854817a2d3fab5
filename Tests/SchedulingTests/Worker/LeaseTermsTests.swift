import Scheduling
import Testing

@Suite struct LeaseTermsTests {
    @Test(arguments: [2_000, 4_000, 10_000, 40_000])
    func termsAreSharesOfTheSessionsTimeout(milliseconds: Int) {
        let timeout = Duration.milliseconds(milliseconds)
        let terms = LeaseTerms(sessionTimeout: timeout)
        #expect(terms.length + terms.margin == timeout && terms.margin * 5 == timeout)
        #expect(terms.killMargin == terms.margin + .seconds(1))
        // A renewal may be lost, and the next one still comes in time, even before the first signal.
        #expect(terms.renewalInterval * 2 < terms.length - terms.warning)
        // A signal that is as early as can be is not sent while contact is proved as often as it is to be.
        #expect(terms.warning < terms.length)
    }

    /// Killed before the server can expire the session, though the worker's clock runs slow by as much as is allowed; and
    /// the leader's clock may run as fast.
    @Test(arguments: [2_000, 10_000, 40_000])
    func endOfTheLeaseComesBeforeTheTakeover(milliseconds: Int) {
        let timeout = Duration.milliseconds(milliseconds)
        let terms = LeaseTerms(sessionTimeout: timeout)
        for percent in 0...20 {
            let killed = terms.length * 100 / (100 - percent)
            let takenOver = timeout + terms.killMargin * 100 / (100 + percent)
            #expect(killed <= timeout && killed < takenOver)
        }
    }
}
