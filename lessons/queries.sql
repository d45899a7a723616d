-- E1: Which orders are in the table more than once?
SELECT order_id, COUNT(*) AS copies
FROM sink_orders
GROUP BY order_id
HAVING COUNT(*) > 1;

-- E2: How many rows too many?
SELECT COUNT(*) AS total_rows,
       COUNT(DISTINCT order_id) AS distinct_orders,
       COUNT(*) - COUNT(DISTINCT order_id) AS surplus_rows
FROM sink_orders;

-- E3: Which copies are surplus?
-- The order must be total, or two runs keep different copies.
SELECT order_id, src_partition, src_offset, commit_time, rn
FROM (SELECT s.*, ROW_NUMBER() OVER (
        PARTITION BY order_id
        ORDER BY event_ts DESC, commit_time DESC, src_offset DESC) AS rn
      FROM sink_orders s) r
WHERE rn > 1;

-- E4: Where did the copies come from?
SELECT order_id, COUNT(*) AS copies,
  CASE WHEN COUNT(DISTINCT partition_path) > 1
         THEN 'key in several partitions'
       WHEN COUNT(DISTINCT CONCAT(src_partition, '-', src_offset)) = 1
         THEN 'one offset written twice: replay'
       ELSE 'several offsets: doubled before or in the topic' END AS likely_cause
FROM sink_orders
GROUP BY order_id
HAVING COUNT(*) > 1;

-- E5: Which orders are missing?
-- Spark also has LEFT ANTI JOIN for this.
SELECT s.order_id, s.src_partition, s.src_offset
FROM source_orders s
WHERE NOT EXISTS (SELECT 1 FROM sink_orders t WHERE t.order_id = s.order_id);

-- E6: Which rows come from no order?
SELECT t.order_id
FROM sink_orders t
LEFT JOIN source_orders s ON s.order_id = t.order_id
WHERE s.order_id IS NULL;

-- E7: Do the totals agree?
-- Errors can cancel: totals that agree prove nothing about any order.
SELECT a.n AS src_rows, b.n AS sink_rows, b.k AS sink_keys, b.n - b.k AS surplus_rows,
       a.amt AS src_amount, b.amt AS sink_amount, b.amt - a.amt AS amount_gap
FROM (SELECT COUNT(*) AS n, SUM(amount) AS amt FROM source_orders) a
CROSS JOIN (SELECT COUNT(*) AS n, COUNT(DISTINCT order_id) AS k, SUM(amount) AS amt
            FROM sink_orders) b;

-- E8: Which offsets did not arrive?
-- Markers of transactions take offsets too, and look like holes.
SELECT src_partition, src_offset + 1 AS gap_from, next_offset - 1 AS gap_to
FROM (SELECT src_partition, src_offset,
             LEAD(src_offset) OVER (PARTITION BY src_partition ORDER BY src_offset) AS next_offset
      FROM (SELECT DISTINCT src_partition, src_offset FROM sink_orders) d) g
WHERE next_offset - src_offset > 1;

-- E9: What is wrong with each order?
SELECT k.order_id, COALESCE(s.n, 0) AS expected, COALESCE(t.n, 0) AS actual,
  CASE WHEN COALESCE(t.n, 0) = 0 THEN 'LOST'
       WHEN COALESCE(s.n, 0) = 0 THEN 'ORPHAN'
       WHEN t.n > s.n THEN 'DUPLICATED'
       ELSE 'PARTIALLY LOST' END AS verdict
FROM (SELECT order_id FROM source_orders UNION SELECT order_id FROM sink_orders) k
LEFT JOIN (SELECT order_id, COUNT(*) AS n FROM source_orders GROUP BY order_id) s
       ON s.order_id = k.order_id
LEFT JOIN (SELECT order_id, COUNT(*) AS n FROM sink_orders GROUP BY order_id) t
       ON t.order_id = k.order_id
WHERE COALESCE(s.n, 0) <> COALESCE(t.n, 0);

-- E10: Who was billed too much?
SELECT customer_id, SUM(amount) AS billed,
       SUM(CASE WHEN rn = 1 THEN amount ELSE 0 END) AS owed,
       SUM(amount) - SUM(CASE WHEN rn = 1 THEN amount ELSE 0 END) AS overbilled
FROM (SELECT s.*, ROW_NUMBER() OVER (
        PARTITION BY order_id ORDER BY event_ts, commit_time) AS rn
      FROM sink_orders s) x
GROUP BY customer_id
HAVING SUM(amount) <> SUM(CASE WHEN rn = 1 THEN amount ELSE 0 END);

-- E11: Which amounts are wrong?
SELECT s.order_id, s.amount AS src_amount, t.amount AS sink_amount
FROM source_orders s
JOIN sink_orders t ON t.order_id = s.order_id
WHERE s.amount <> t.amount;

-- L1: Which orders are in the topic more than once?
-- A table with the order's id as its key absorbs these.
SELECT order_id, COUNT(*) AS copies, MIN("offset") AS first_offset, MAX("offset") AS last_offset
FROM topic_log
WHERE control IS NULL
GROUP BY order_id
HAVING COUNT(*) > 1;

-- L2: Which files does no commit claim?
SELECT file_group, instant, kind, "rows"
FROM hudi_files
WHERE claimed = 0;
