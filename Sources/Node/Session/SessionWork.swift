import Logging
import ZnodeStore
import Coordination

/// Runs a duty of a session again and again until the session is over or the task is cancelled.
///
/// A duty begins by reading what there is, so that after a broken connection it can simply begin anew. An error that
/// is not the store's is logged, and the duty begins again after a second: a duty never ends by itself.
func keepDoing(
    _ step: String,
    in session: any ZnodeSession,
    time: NodeTime,
    logger: Logger,
    _ duty: @Sendable () async throws -> Void
) async {
    while !Task.isCancelled, !session.state.isOver {
        do {
            try await duty()
            return
        } catch let error as StoreError
            where error.isRetriable || error.isOutcomeUnknown || error.isSessionOver
        {
            logger.debug(
                "A duty lost contact and begins again",
                metadata: [LogKeys.step: "\(step)", LogKeys.error: "\(error)"]
            )
            guard await session.mayTryAgain(after: error, sleep: time.sleep) else { return }
        } catch is CancellationError {
            return
        } catch {
            logger.error(
                "A duty failed and begins again",
                metadata: [LogKeys.step: "\(step)", LogKeys.error: "\(error)"]
            )
            guard await time.pause(.seconds(1)) else { return }
        }
    }
}
