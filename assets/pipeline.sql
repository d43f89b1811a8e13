-- The pipeline of lakehand's eight datasets, for ksqlDB 0.29 (Confluent Platform 7.4) and later.
--
--   transaction_stream ─┬─ transaction_flattened ─┬─ transaction_stream_anonymized ── user_transaction_summary_eur
--                       │                         └─ transaction_stream_blacklisted
--                       ├─ transaction_items ── product_purchase_counts
--                       ├─ user_transaction_summary
--                       └─ payment_method_totals
--
-- Run it once, from top to bottom:  ksql http://localhost:8088 --file pipeline.sql
-- Streams are kept for ever (RETENTION_MS=-1): with the default of seven days the broker would delete events whose
-- event time is older, and an export that comes later would miss them.
SET 'auto.offset.reset' = 'earliest';

-- 1. The raw events as producers write them: nested, personal data included.
CREATE STREAM transaction_stream (
  transaction_id STRING KEY,
  user_id STRING,
  amount DECIMAL(12, 2),
  currency STRING,
  payment_method STRING,
  transaction_type STRING,
  card_number STRING,
  iban STRING,
  customer STRUCT<name STRING, email STRING, city STRING, country STRING,
                  address STRUCT<street STRING, zip STRING, geo STRUCT<lat DOUBLE, lon DOUBLE>>>,
  items ARRAY<STRUCT<product_id STRING, product_name STRING, qty INTEGER, unit_price DECIMAL(10, 2)>>,
  metadata MAP<STRING, STRING>,
  event_time TIMESTAMP
) WITH (KAFKA_TOPIC='transactions', VALUE_FORMAT='JSON', PARTITIONS=3, REPLICAS=1, RETENTION_MS=-1);

-- 2. The same with the nested fields as columns of their own: what most questions are asked of.
CREATE STREAM transaction_flattened WITH (KAFKA_TOPIC='transaction_flattened', RETENTION_MS=-1) AS
SELECT transaction_id, user_id, amount, currency, payment_method, transaction_type, card_number, iban,
  customer->name AS customer_name, customer->email AS customer_email,
  customer->city AS customer_city, customer->country AS customer_country,
  customer->address->street AS address_street, customer->address->zip AS address_zip,
  customer->address->geo->lat AS geo_lat, customer->address->geo->lon AS geo_lon,
  ARRAY_LENGTH(items) AS item_count, items[1]->product_id AS first_product_id,
  metadata['channel'] AS channel, event_time
FROM transaction_stream EMIT CHANGES;

-- 3. Personal data masked, amounts also in EUR: what may be read by everybody.
CREATE STREAM transaction_stream_anonymized WITH (KAFKA_TOPIC='transaction_stream_anonymized', RETENTION_MS=-1) AS
SELECT transaction_id,
  MASK_RIGHT(user_id, 2) AS user_masked,
  MASK_KEEP_RIGHT(card_number, 4) AS card_masked,
  MASK_KEEP_LEFT(iban, 4) AS iban_masked,
  MASK(customer_name) AS name_masked,
  REGEXP_REPLACE(customer_email, '^[^@]+', 'xxxx') AS email_masked,
  customer_city AS city, customer_country AS country,
  user_id, payment_method, transaction_type, amount, currency,
  CASE WHEN currency = 'EUR' THEN CAST(amount AS DECIMAL(14, 2))
       WHEN currency = 'USD' THEN CAST(amount * 0.92 AS DECIMAL(14, 2))
       WHEN currency = 'GBP' THEN CAST(amount * 1.17 AS DECIMAL(14, 2))
       ELSE CAST(amount * 0.10 AS DECIMAL(14, 2)) END AS amount_eur,
  event_time
FROM transaction_flattened EMIT CHANGES;

-- 4. Events of blacklisted cities, kept apart. Change the list here.
CREATE STREAM transaction_stream_blacklisted WITH (KAFKA_TOPIC='transaction_stream_blacklisted', RETENTION_MS=-1) AS
SELECT * FROM transaction_flattened
WHERE customer_city IN ('Atlantis', 'Gotham') EMIT CHANGES;

-- 5. Amounts by user and payment method.
CREATE TABLE user_transaction_summary WITH (KAFKA_TOPIC='user_transaction_summary', KEY_FORMAT='JSON') AS
SELECT user_id, payment_method, COUNT(*) AS tx_count, SUM(amount) AS total_amount,
  MIN(amount) AS min_amount, MAX(amount) AS max_amount, LATEST_BY_OFFSET(event_time) AS last_event
FROM transaction_stream GROUP BY user_id, payment_method EMIT CHANGES;

-- 6. Amounts in EUR by user and transaction type.
CREATE TABLE user_transaction_summary_eur WITH (KAFKA_TOPIC='user_transaction_summary_eur', KEY_FORMAT='JSON') AS
SELECT user_id, transaction_type, COUNT(*) AS tx_count, SUM(amount_eur) AS total_eur
FROM transaction_stream_anonymized GROUP BY user_id, transaction_type EMIT CHANGES;

-- 7. Totals by payment method.
CREATE TABLE payment_method_totals WITH (KAFKA_TOPIC='payment_method_totals') AS
SELECT payment_method, COUNT(*) AS tx_count, SUM(amount) AS total_amount, COLLECT_SET(currency) AS currencies
FROM transaction_stream GROUP BY payment_method EMIT CHANGES;

-- 8. Counters by product. EXPLODE is not allowed beside GROUP BY, so a stream of single items comes first.
CREATE STREAM transaction_items WITH (KAFKA_TOPIC='transaction_items', RETENTION_MS=-1) AS
SELECT transaction_id, user_id, EXPLODE(items) AS item FROM transaction_stream EMIT CHANGES;

CREATE TABLE product_purchase_counts WITH (KAFKA_TOPIC='product_purchase_counts') AS
SELECT item->product_id AS product_id, LATEST_BY_OFFSET(item->product_name) AS product_name,
  COUNT(*) AS purchases, SUM(item->qty) AS units
FROM transaction_items GROUP BY item->product_id EMIT CHANGES;

-- The end helper of transaction_stream_blacklisted. An export must know where a stream ends before it reads; ksqlDB
-- tells it only of streams that some query reads (DESCRIBE … EXTENDED of what that query writes). Every other stream
-- above has such a reader. This one writes nothing (no event is older than 1970) and costs one idle consumer.
CREATE STREAM transaction_stream_blacklisted_lakehand_end
  WITH (KAFKA_TOPIC='transaction_stream_blacklisted_lakehand_end', RETENTION_MS=-1) AS
SELECT transaction_id, user_id FROM transaction_stream_blacklisted WHERE ROWTIME < 0 EMIT CHANGES;

-- Not among the eight: windowed tables, to try windows with (the embedded server has them, too).
-- A session-windowed table can be asked for single keys only; ksqlDB does not scan it.
CREATE TABLE daily_totals WITH (KAFKA_TOPIC='daily_totals') AS
SELECT payment_method, COUNT(*) AS tx_count, SUM(amount) AS total_amount
FROM transaction_stream WINDOW TUMBLING (SIZE 1 DAY, RETENTION 3650 DAYS, GRACE PERIOD 30 DAYS)
GROUP BY payment_method EMIT CHANGES;

CREATE TABLE user_sessions WITH (KAFKA_TOPIC='user_sessions') AS
SELECT user_id, COUNT(*) AS tx_count, SUM(amount) AS total_amount
FROM transaction_stream WINDOW SESSION (6 HOURS, RETENTION 3650 DAYS, GRACE PERIOD 30 DAYS)
GROUP BY user_id EMIT CHANGES;
