// Queries, describes, updates and bulk-reads accounts with jsforce; prints one JSON object.
import jsforce from 'jsforce'

const [, , instanceUrl, accessToken, version] = process.argv
const connection = new jsforce.Connection({ instanceUrl, accessToken, version })

const described = await connection.sobject('Account').describe()
const counted = await connection.query('SELECT COUNT() FROM Account')
const records = []
await connection
  .query('SELECT Id, Name, AnnualRevenue FROM Account ORDER BY Id', { autoFetch: true, maxFetch: 100000 })
  .on('record', (record) => records.push(record))
  .run({ autoFetch: true, maxFetch: 100000 })
const target = records[0].Id
const single = await connection.sobject('Account').update({ Id: target, NumberOfEmployees: 4321 })
const many = await connection
  .sobject('Account')
  .update(records.slice(0, 5).map(({ Id }) => ({ Id, NumberOfEmployees: 4321 })), { allOrNone: false })
const read = await connection.sobject('Account').retrieve(target)
const found = await connection.query(`SELECT Id FROM Account WHERE NumberOfEmployees = 4321`)
const bulk = await connection.bulk2.query('SELECT Id FROM Account')
const bulkIds = (await bulk.toArray()).map(({ Id }) => Id)
console.log(
  JSON.stringify({
    fields: described.fields.length,
    counted: counted.totalSize,
    ids: records.map(({ Id }) => Id),
    target,
    single: single.success,
    many: many.map(({ success }) => success),
    employees: read.NumberOfEmployees,
    found: found.totalSize,
    bulk: bulkIds.length,
    limit: connection.limitInfo?.apiUsage?.limit ?? null,
  }),
)
