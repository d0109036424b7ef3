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
const account = connection.sobject('Account')
const made = await account.create([{ Name: 'Foreign 1' }, { Name: 'Foreign 2' }])
const key = 'HubSpot_Company_Id__c'
const first = await account.upsert({ Name: 'Foreign 3', [key]: '424201' }, key)
const second = await account.upsert([{ Name: 'Foreign 4', [key]: '424201' }], key)
const ours = await account.find({ Name: { $like: 'Foreign%' } }, ['Id', 'Name']).sort('Name').execute()
const nested = await account.find({}, 'Id').include('Contacts').select('Id').end().limit(1).execute()
const retrieved = await account.retrieve(made.map(({ id }) => id))
const loaded = await connection.bulk2.loadAndWaitForResults({
  object: 'Account',
  operation: 'update',
  input: [...made.map(({ id }) => ({ Id: id, Phone: 'a, "b"' })), { Id: target, Phone: 'x'.repeat(41) }],
  pollInterval: 20,
})
const gone = await account.destroy(ours.map(({ Id }) => Id))
console.log(
  JSON.stringify({
    made: made.every(({ success }) => success),
    created: [first.created, second[0].created],
    ours: ours.map(({ Name }) => Name),
    nested: nested[0].Contacts?.totalSize ?? 0,
    retrieved: retrieved.map(({ Name }) => Name),
    loaded: [loaded.successfulResults.length, loaded.failedResults.length, loaded.unprocessedRecords.length],
    gone: gone.every(({ success }) => success),
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
