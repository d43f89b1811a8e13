// Prints the rows of Parquet files as JSON; what JSON has no word for is tagged: {"$whole": "5"}, {"$bytes": "00ff"}, {"$millis": 5}.
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import path from 'node:path'

const require = createRequire(path.join(process.env.READER_HOME, 'x.js'))
const load = name => import(pathToFileURL(require.resolve(name)))
const { asyncBufferFromFile, parquetReadObjects } = await load('hyparquet')
const { compressors } = await load('hyparquet-compressors')

const tagged = value => {
  if (typeof value === 'bigint') return { $whole: value.toString() }
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString('hex') }
  if (value instanceof Date) return { $millis: value.getTime() }
  if (Array.isArray(value)) return value.map(tagged)
  if (value && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, tagged(member)]))
  }
  return value === undefined ? null : value
}

const rows = []
for (const name of process.argv.slice(2)) {
  const file = await asyncBufferFromFile(name)
  for (const row of await parquetReadObjects({ file, compressors, utf8: false })) rows.push(tagged(row))
}
process.stdout.write(JSON.stringify(rows))
