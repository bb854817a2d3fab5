import Redis
import Scheduling

/// The script that applies one record to the mirror in Redis, or refuses it as older than what is there.
///
/// It is one script for all kinds of records, so that any mixture of them goes in one pipeline of calls. Each call is
/// atomic: a run's hash and the indexes that it is in never disagree. The keys it touches beside `KEYS[1]` are made
/// from the prefix; the hash tag keeps them in the same slot.
enum RedisApplyScript {
    static let script = RedisScript(
        """
        local key, prefix, kind, final = KEYS[1], ARGV[1], ARGV[2], ARGV[5]
        local term, commit = tonumber(ARGV[3]), tonumber(ARGV[4])

        local function yields(held_term, held_commit, held_final)
            if not held_term then return true end
            held_term, held_commit = tonumber(held_term), tonumber(held_commit)
            if term ~= held_term then return term > held_term end
            if commit ~= held_commit then return commit > held_commit end
            return final == '1' or held_final ~= '1'
        end

        local function announce(topic, data)
            redis.call('XADD', prefix .. 'events', 'MAXLEN', '~', ARGV[6], '*', 'topic', topic, 'data', data)
        end

        if kind == 'run' then
            local member, job, state, run, tasks = ARGV[7], ARGV[8], ARGV[9], ARGV[10], ARGV[11]
            local held = redis.call('HMGET', key, 'term', 'commit', 'final', 'state', 'run', 'tasks')
            if not yields(held[1], held[2], held[3]) then return 0 end
            local by_state, by_job = prefix .. 'runs:state:', prefix .. 'runs:job:' .. job .. ':'
            if held[4] and held[4] ~= state then
                redis.call('ZREM', by_state .. held[4], member)
                redis.call('ZREM', by_job .. held[4], member)
            end
            redis.call('ZADD', prefix .. 'runs', 0, member)
            redis.call('ZADD', by_state .. state, 0, member)
            redis.call('ZADD', by_job .. state, 0, member)
            redis.call('HSET', key, 'term', ARGV[3], 'commit', ARGV[4], 'final', final, 'state', state,
                'run', run, 'tasks', tasks)
            if held[5] ~= run or held[6] ~= tasks then announce('run', run) end
            return 1
        end

        if kind == 'attempt' then
            local run, field, attempt = ARGV[7], ARGV[8], ARGV[9]
            local held = redis.call('HGET', key, field)
            local held_attempt
            if held then
                local held_term, held_commit, held_final, json = string.match(held, '^(%d+)-(%d+)-(%d) (.*)$')
                if not yields(held_term, held_commit, held_final) then return 0 end
                held_attempt = json
            end
            redis.call('HSET', key, field, ARGV[3] .. '-' .. ARGV[4] .. '-' .. final .. ' ' .. attempt)
            if held_attempt ~= attempt then
                announce('attempt', '{"run":"' .. run .. '",' .. string.sub(attempt, 2))
            end
            return 1
        end

        local name, job, summary = ARGV[7], ARGV[8], ARGV[9]
        local held = redis.call('HMGET', key, 'term', 'commit', 'deleted', 'job')
        if not yields(held[1], held[2], '0') then return 0 end
        if kind == 'job' then
            redis.call('HSET', key, 'term', ARGV[3], 'commit', ARGV[4], 'deleted', '0', 'job', job)
            redis.call('PERSIST', key)
            redis.call('ZADD', prefix .. 'jobs', 0, name)
            if held[4] ~= job then announce('job', summary) end
        else
            redis.call('HSET', key, 'term', ARGV[3], 'commit', ARGV[4], 'deleted', '1')
            redis.call('HDEL', key, 'job')
            redis.call('EXPIRE', key, 604800)
            redis.call('ZREM', prefix .. 'jobs', name)
            if held[3] ~= '1' then announce('job', summary) end
        end
        return 1
        """
    )

    /// The call for one record.
    static func call(for record: EncodedRecord, keys: RedisKeys, eventLimit: Int) -> RedisScript.Call {
        let key: String
        let kind: String
        let rest: [String]
        switch record.content {
        case .run(let view, let run, let tasks):
            key = keys.run(view.id.description)
            kind = "run"
            rest = [
                RunIndexMember(view.id).text, view.job.description, view.state.rawValue, run, tasks,
            ]
        case .attempt(let run, let view, let json):
            key = keys.attempts(of: run)
            kind = "attempt"
            rest = [run.description, "\(view.task)~\(view.partition)~\(view.n)", json]
        case .job(let name, let json, let summary):
            key = keys.job(name.description)
            kind = "job"
            rest = [name.description, json, summary]
        case .jobDeleted(let name, let summary):
            key = keys.job(name.description)
            kind = "deleted"
            rest = [name.description, "", summary]
        }
        let version = [String(record.version.term), String(record.version.commit)]
        return RedisScript.Call(
            keys: [key],
            arguments: [keys.prefix, kind] + version + [record.isFinal ? "1" : "0", String(eventLimit)] + rest
        )
    }
}
