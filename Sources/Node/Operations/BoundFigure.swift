/// One bound of a node: how much there is, how much there may be, and how often more was refused.
package struct BoundFigure: Hashable, Sendable {
    /// What is bounded, and its unit where that is not its number: the metric is `skyfire_<name>`, its limit
    /// `skyfire_<name>_limit`, and what was refused `skyfire_<name>_refused_total`.
    package var name: String
    /// One sentence about the metric.
    package var summary: String
    package var value: Int
    package var limit: Int
    /// How often something was refused since the process began; nil where nothing is ever refused here.
    package var refused: Int?

    package init(_ name: String, _ summary: String, value: Int, limit: Int, refused: Int? = nil) {
        self.name = name
        self.summary = summary
        self.value = value
        self.limit = limit
        self.refused = refused
    }
}
