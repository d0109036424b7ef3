// Lists, searches, reads, provisions and updates companies with HubSpot's own client; prints one JSON object.
import { Client } from '@hubspot/api-client'

const [, , basePath, accessToken] = process.argv
const client = new Client({ accessToken, basePath })
const companies = client.crm.companies

const first = await companies.basicApi.getPage(10, undefined, ['name', 'domain'])
const second = await companies.basicApi.getPage(10, first.paging.next.after, ['name', 'domain'])
const target = first.results[0]
await client.crm.properties.groupsApi.create('companies', { name: 'foreign', label: 'Foreign client', displayOrder: -1 })
const property = await client.crm.properties.coreApi.create('companies', {
  name: 'foreign_score',
  label: 'Foreign score',
  type: 'number',
  fieldType: 'number',
  groupName: 'foreign',
})
const updated = await companies.batchApi.update({
  inputs: [{ id: target.id, properties: { foreign_score: '42' } }],
})
const read = await companies.batchApi.read({
  inputs: [{ id: target.id }],
  properties: ['foreign_score'],
  propertiesWithHistory: [],
})
const found = await companies.searchApi.doSearch({
  filterGroups: [{ filters: [{ propertyName: 'hs_object_id', operator: 'EQ', value: target.id }] }],
  properties: ['name'],
  limit: 5,
})
const links = await client.crm.associations.v4.batchApi.getPage('companies', 'deals', {
  inputs: first.results.map(({ id }) => ({ id })),
})
const deal = (await client.crm.deals.basicApi.getPage(1)).results[0].id
const v4 = client.crm.associations.v4
await v4.basicApi.create('deals', deal, 'companies', target.id, [
  { associationCategory: 'HUBSPOT_DEFINED', associationTypeId: 5 },
])
const labels = (await v4.basicApi.getPage('deals', deal, 'companies')).results
  .filter(({ toObjectId }) => String(toObjectId) === target.id)
  .flatMap(({ associationTypes }) => associationTypes.map(({ typeId }) => typeId))
await v4.basicApi.archive('deals', deal, 'companies', target.id)
const contact = { properties: { email: 'foreign@customer.example' }, associations: [] }
await client.crm.contacts.basicApi.create(contact)
const again = await client.crm.contacts.basicApi.create(contact).catch(({ code }) => code)
const upserted = await client.crm.contacts.batchApi.upsert({
  inputs: [{ id: 'foreign@customer.example', idProperty: 'email', properties: { firstname: 'Fo' } }],
})
const everything = await client.crm.companies.getAll()
const owners = (await client.crm.owners.ownersApi.getPage()).results
const pipelines = (await client.crm.pipelines.pipelinesApi.getAll('deals')).results
console.log(
  JSON.stringify({
    labels: labels.sort(),
    again,
    upsertedNew: upserted.results[0]._new ?? upserted.results[0].new,
    everything: everything.length,
    owners: owners.length,
    pipelines: pipelines.map(({ id }) => id),
    ids: [...first.results, ...second.results].map(({ id }) => id),
    property: property.name,
    updated: updated.results.map(({ id }) => id),
    score: read.results[0].properties.foreign_score,
    found: { total: found.total, ids: found.results.map(({ id }) => id) },
    linked: links.results.reduce((sum, { to }) => sum + to.length, 0),
    target: target.id,
  }),
)
