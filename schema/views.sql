-- SPDX-License-Identifier: Apache-2.0
-- Views over the tables of a tape, for the questions that one asks of a scheduler. docs/sql.md has each with its output.
--
--   sqlite3 -cmd ".read $(ktape --data-path)/views.sql" run.ktape 'SELECT * FROM freezes'
--
-- They are made in the connection's own temporary database: a tape never has a view. Each table is named with the schema
-- `main.`, so for an attached tape replace that, and name the views apart. Times end in _s, _ms or _us; _s is on the
-- host's clock since the run began. For SQLite 3.25 and DuckDB 1.1 or later, and tapes of format 2: `ktape upgrade`.

-- How long did each freeze last, and why was it?
CREATE TEMP VIEW IF NOT EXISTS freezes AS
SELECT
  f.freeze,
  round(f.stopped_ns / 1e9, 6) AS at_s,
  f.cause,
  CASE f.cause
    WHEN 'trigger' THEN f.trigger_name || ' on CPU ' || f.trigger_cpu
      || CASE WHEN f.detail = '' THEN '' ELSE ': ' || f.detail END
    WHEN 'request' THEN 'request ' || f.op || ', try ' || f."try"
    WHEN 'periodic' THEN 'interval ' || f."interval"
    ELSE f.detail
  END AS why,
  round(f.stop_latency_ns / 1e3, 1) AS stopping_us,
  round(f.frozen_ns / 1e3, 1) AS frozen_us,
  round(f.thaw_latency_ns / 1e3, 1) AS thawing_us,
  round(f.waited_ns / 1e3, 1) AS host_waited_us,
  f.pages,
  f.waiting
FROM main.freeze AS f
ORDER BY f.freeze;

-- Who waited at each freeze for a CPU, the longest first? `source` memory: all tasks, found in the guest's memory;
-- reads: only the workers, and the task that the kernel named, from what the recorder read of them in its own freezes.
-- There the number of a DSQ and the word of a mask become the text that memory has.
CREATE TEMP VIEW IF NOT EXISTS waits AS
WITH RECURSIVE task_read AS (
  SELECT
    f.freeze,
    k.pid,
    max(CASE WHEN k.worker <> '' THEN k.worker ELSE k.tag END) AS task,
    max(CASE WHEN k.path = 'on_rq' THEN CAST(k.value AS BIGINT) END) AS on_rq,
    max(CASE WHEN k.path = 'scx.runnable_at' THEN CAST(k.value AS BIGINT) END) AS since,
    max(CASE WHEN k.path = 'scx.dsq->id' THEN k.value END) AS dsq,
    max(CASE WHEN k.path = 'cpus_mask.bits[0]' THEN k.value END) AS mask
  FROM main.freeze AS f
  JOIN main.kernel_op AS k ON k.op = f.op
  JOIN main.request AS r ON r.op = f.op
  WHERE r.by_host = 1 AND f.waiting IS NULL AND k.root = 'task' AND k.status = 'done'
  GROUP BY f.freeze, k.pid
), other_class AS (
  SELECT DISTINCT f.freeze, k.pid
  FROM main.freeze AS f
  JOIN main.kernel_op AS k ON k.op = f.op
  JOIN main.gate AS g ON g.op = k.op AND g.entry = k.entry
  WHERE g.name = 'schedClass' AND g.outcome = 'failed'
), jiffies AS (
  SELECT f.freeze, max(CAST(k.value AS BIGINT)) AS now
  FROM main.freeze AS f
  JOIN main.kernel_op AS k ON k.op = f.op
  WHERE k.symbol = 'jiffies_64' AND k.status = 'done'
  GROUP BY f.freeze
), dsq_text AS (
  SELECT id, CAST(id AS BIGINT) AS rest, '' AS digits
  FROM (SELECT DISTINCT t.dsq AS id FROM task_read AS t) AS d
  WHERE length(id) BETWEEN 1 AND 18
  UNION ALL
  SELECT id, rest >> 4, substr('0123456789abcdef', CAST(rest & 15 AS INTEGER) + 1, 1) || digits
  FROM dsq_text
  WHERE rest > 0
), word AS (
  -- A number of 64 bits may be beyond BIGINT: then its lower half, which is exact, and has 32 CPUs.
  SELECT
    mask,
    CASE WHEN length(mask) <= 18 THEN CAST(mask AS BIGINT)
      ELSE CAST(substr(mask, 1, length(mask) - 10) AS BIGINT) * 1410065408
        + CAST(substr(mask, length(mask) - 9) AS BIGINT) END
    & ((CAST(1 AS BIGINT) << CAST(
      CASE WHEN length(mask) > 18 AND cpus > 32 THEN 32 WHEN cpus > 59 THEN 59 ELSE cpus END AS INTEGER)) - 1) AS bits
  FROM (
    SELECT DISTINCT t.mask AS mask, (SELECT coalesce(max(r.cpus), 59) FROM main.run AS r) AS cpus FROM task_read AS t
  ) AS m
  WHERE length(mask) >= 1
), cpu_list AS (
  -- CPU by CPU; `since` is where the range began that is being read, or -1.
  SELECT mask, CAST(0 AS BIGINT) AS cpu, bits AS rest, CAST(-1 AS BIGINT) AS since, '' AS list
  FROM word
  UNION ALL
  SELECT
    mask,
    cpu + 1,
    rest >> 1,
    CASE WHEN (rest & 1) = 0 THEN -1 WHEN since < 0 THEN cpu ELSE since END,
    CASE WHEN (rest & 1) = 1 OR since < 0 THEN list
      ELSE list || CASE WHEN list = '' THEN '' ELSE ',' END || since
        || CASE WHEN since < cpu - 1 THEN '-' || (cpu - 1) ELSE '' END END
  FROM cpu_list
  WHERE rest > 0 OR since >= 0
)
SELECT
  w.freeze, w.place + 1 AS rank, w.comm || '[' || w.pid || ']' AS task, w.waited_ms, w.dsq, w.cpus, w.last_cpu,
  'memory' AS source
FROM main.waiting AS w
UNION ALL
SELECT
  t.freeze,
  row_number() OVER (PARTITION BY t.freeze ORDER BY t.since),
  t.task || '[' || t.pid || ']',
  CAST(round((j.now - t.since) * 1000.0 / (SELECT max(hz) FROM main.kernel)) AS BIGINT),
  CASE t.dsq
    WHEN '9223372036854775808' THEN 'SCX_DSQ_INVALID' WHEN '9223372036854775809' THEN 'SCX_DSQ_GLOBAL'
    WHEN '9223372036854775810' THEN 'SCX_DSQ_LOCAL' WHEN '9223372036854775811' THEN 'SCX_DSQ_BYPASS'
    ELSE coalesce('user 0x' || CASE d.digits WHEN '' THEN '0' ELSE d.digits END, t.dsq) END,
  CASE c.list WHEN '' THEN 'none' ELSE c.list END,
  NULL,
  'reads'
FROM task_read AS t
LEFT JOIN jiffies AS j ON j.freeze = t.freeze
LEFT JOIN dsq_text AS d ON d.id = t.dsq AND d.rest = 0
LEFT JOIN cpu_list AS c ON c.mask = t.mask AND c.rest = 0 AND c.since < 0
WHERE t.on_rq = 1 AND t.since IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM other_class AS o WHERE o.freeze = t.freeze AND o.pid = t.pid)
  AND t.pid NOT IN (SELECT v.current_pid FROM main.vcpu AS v WHERE v.freeze = t.freeze AND v.current_pid IS NOT NULL)
ORDER BY 1, 2;

-- What ran on each CPU when the machine stopped?
CREATE TEMP VIEW IF NOT EXISTS cpus AS
SELECT
  v.freeze,
  round(v.host_ns / 1e9, 6) AS at_s,
  v.cpu,
  v.current_comm || '[' || v.current_pid || ']' AS task,
  CASE v.current_policy
    WHEN 0 THEN 'normal' WHEN 1 THEN 'fifo' WHEN 2 THEN 'rr' WHEN 3 THEN 'batch' WHEN 5 THEN 'idle'
    WHEN 6 THEN 'deadline' WHEN 7 THEN 'ext' END AS policy,
  v.current_class AS class,
  v.context,
  CASE v.cpl WHEN 3 THEN 'user space' ELSE v.symbol END AS place,
  v.interrupts_enabled AS irqs_on,
  v.runqueue_locked AS rq_locked
FROM main.vcpu AS v
ORDER BY v.freeze, v.cpu;

-- The values of each tag, and of each sample, in the order of time. `value` is the exact text; `number` and `change` are
-- there for decimal values of up to 18 digits.
CREATE TEMP VIEW IF NOT EXISTS series AS
WITH given AS (
  SELECT
    k.tag, k.target, k.worker, k.path, k.action, k.freeze, k.op, k.value,
    CASE k.freeze WHEN 0 THEN k.replied_ns ELSE f.stopped_ns END AS at_ns
  FROM main.kernel_op AS k
  LEFT JOIN main.freeze AS f ON f.freeze = k.freeze
  WHERE k.status = 'done'
  UNION ALL
  SELECT s.name, s.target, s.worker, s.path, 'sample', 0, NULL, s.value, s.host_ns FROM main.sample AS s
), counted AS (
  SELECT
    g.*,
    CASE WHEN length(g.value) BETWEEN 1 AND 18 AND ltrim(g.value, '0123456789') = ''
      THEN CAST(g.value AS BIGINT) END AS number
  FROM given AS g
)
SELECT
  c.tag,
  row_number() OVER (PARTITION BY c.tag, c.target ORDER BY c.at_ns, c.op) AS n,
  round(c.at_ns / 1e9, 6) AS at_s,
  c.freeze, c.action, c.target, c.worker, c.path, c.value, c.number,
  c.number - lag(c.number) OVER (PARTITION BY c.tag, c.target ORDER BY c.at_ns, c.op) AS change
FROM counted AS c
ORDER BY c.tag, c.target, 2;

-- Which ops did a gate refuse, in which try, and how did the op end?
CREATE TEMP VIEW IF NOT EXISTS refusals AS
SELECT
  g.op, k.tag, k.target, g."try", g.freeze,
  round(g.host_ns / 1e9, 6) AS at_s,
  g.name AS gate, g.observed, g.expected AS wanted,
  k.status AS ended, r.as_expected
FROM main.gate AS g
JOIN main.kernel_op AS k ON k.op = g.op AND k.entry = g.entry
JOIN main.request AS r ON r.op = g.op
WHERE g.outcome = 'failed' AND g.enforced = 1
ORDER BY g.seq;

-- When was each scheduler attached, when and why did it exit, and which enables failed?
CREATE TEMP VIEW IF NOT EXISTS schedulers AS
SELECT
  s.id, s.name, s.parent,
  round(s.attached_ns / 1e9, 6) AS attached_s,
  round(s.exited_ns / 1e9, 6) AS exited_s,
  round((s.exited_ns - s.attached_ns) / 1e6, 3) AS attached_ms,
  s.exit_kind, s.exit_reason, s.exit_message, s.exit_code
FROM main.scheduler AS s
UNION ALL
SELECT
  a.id, a.name, a.parent, NULL,
  round(a.failed_ns / 1e9, 6), NULL,
  a.exit_kind, 'not enabled: ' || a.exit_reason, a.exit_message, a.exit_code
FROM main.scheduler_attempt AS a
WHERE a.seq_failed IS NOT NULL
ORDER BY 1;

-- How long did each step take, on the host's clock and on the guest's, and for how long of it was the machine frozen?
CREATE TEMP VIEW IF NOT EXISTS steps AS
SELECT
  s.step, s.name, s.ok,
  round(s.started_ns / 1e9, 6) AS started_s,
  round((s.finished_ns - s.started_ns) / 1e6, 3) AS host_ms,
  round((s.finished_guest_ns - s.started_guest_ns) / 1e6, 3) AS guest_ms,
  (SELECT count(*) FROM main.freeze AS f WHERE f.stopped_ns BETWEEN s.started_ns AND s.finished_ns) AS freezes,
  (SELECT round(coalesce(sum(f.frozen_ns), 0) / 1e6, 3) FROM main.freeze AS f
    WHERE f.stopped_ns BETWEEN s.started_ns AND s.finished_ns) AS frozen_ms,
  s.detail
FROM main.step AS s
ORDER BY s.step;

-- What did the console say from a second before each ejection to a second after it? An ejection is a freeze by the
-- trigger scx-error, and the exit of a scheduler. Line ends are without the console's carriage return.
CREATE TEMP VIEW IF NOT EXISTS ejection_console AS
WITH ejection AS (
  SELECT 'freeze ' || f.freeze AS what, f.stopped_ns AS at_ns FROM main.freeze AS f WHERE f.trigger_name = 'scx-error'
  UNION ALL
  -- From SCX_EXIT_ERROR on a kind is an error; a scheduler that was unregistered was not ejected.
  SELECT 'exit of ' || s.name, s.exited_ns FROM main.scheduler AS s
  WHERE s.exited_ns IS NOT NULL AND s.exit_kind >= 1024
    -- The freeze of the same error is enough.
    AND NOT EXISTS (
      SELECT 1 FROM main.freeze AS f
      WHERE f.trigger_name = 'scx-error' AND f.stopped_ns BETWEEN s.exited_ns - 10000000000 AND s.exited_ns
    )
)
SELECT
  e.what AS ejection,
  round((c.host_ns - e.at_ns) / 1e6, 3) AS after_ms,
  c.seq,
  replace(c."text", '\r
', '
') AS "text"
FROM ejection AS e
JOIN main.console AS c ON c.host_ns BETWEEN e.at_ns - 1000000000 AND e.at_ns + 1000000000
ORDER BY e.at_ns, c.seq;

-- How long did each vCPU run on the host, and wait for a CPU of it, between two readings?
CREATE TEMP VIEW IF NOT EXISTS run_delays AS
WITH reading AS (
  SELECT
    d.cpu, d.seq, d.host_ns, d.freeze, d.ran_ns, d.waited_ns, d.stolen_ns,
    lag(d.host_ns) OVER one_cpu AS before_ns,
    lag(d.ran_ns) OVER one_cpu AS ran_before_ns,
    lag(d.waited_ns) OVER one_cpu AS waited_before_ns,
    lag(d.stolen_ns) OVER one_cpu AS stolen_before_ns
  FROM main.run_delay AS d
  WINDOW one_cpu AS (PARTITION BY d.cpu ORDER BY d.seq)
)
SELECT
  r.cpu,
  round(r.before_ns / 1e9, 6) AS from_s,
  round(r.host_ns / 1e9, 6) AS to_s,
  round((r.ran_ns - r.ran_before_ns) / 1e6, 3) AS ran_ms,
  round((r.waited_ns - r.waited_before_ns) / 1e6, 3) AS waited_ms,
  round(100.0 * (r.waited_ns - r.waited_before_ns) / nullif(r.host_ns - r.before_ns, 0), 1) AS waited_percent,
  round((r.stolen_ns - r.stolen_before_ns) / 1e6, 3) AS stolen_ms,
  r.freeze AS ends_in_freeze
FROM reading AS r
WHERE r.before_ns IS NOT NULL
ORDER BY r.seq, r.cpu;

-- What was lost?
CREATE TEMP VIEW IF NOT EXISTS losses AS
SELECT l.name, max(l."count") AS lost, max(l.description) AS description, max(l.seq) AS seq
FROM main.loss AS l
GROUP BY l.name
ORDER BY l.name;
