-- Runs every command that the other scripts use, on scratch keys, so that a right
-- that is missing is found here and not by a script that has begun to write.
-- KEYS are a string, a hash and a sorted set; ARGV[1] is echoed.
redis.call('SET', KEYS[1], '1', 'PX', 60000)
redis.call('PEXPIRE', KEYS[1], 60000)
redis.call('GET', KEYS[1])
redis.call('HSET', KEYS[2], 'a', '1', 'b', '2')
redis.call('HGET', KEYS[2], 'a')
redis.call('HDEL', KEYS[2], 'a')
redis.call('ZADD', KEYS[3], '1', 'a', '2', 'b')
redis.call('ZREM', KEYS[3], 'a')
redis.call('ZCARD', KEYS[3])
redis.call('ZCOUNT', KEYS[3], '-inf', '1')
redis.call('ZRANGE', KEYS[3], 0, 0)
redis.call('ZREVRANGEBYSCORE', KEYS[3], '1', '-inf', 'WITHSCORES', 'LIMIT', 0, 1)
redis.call('ZREMRANGEBYRANK', KEYS[3], 0, 0)
redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3])
return {'done', ARGV[1]}
