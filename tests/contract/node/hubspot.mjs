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
console.log(
  JSON.stringify({
    ids: [...first.results, ...second.results].map(({ id }) => id),
    property: property.name,
    updated: updated.results.map(({ id }) => id),
    score: read.results[0].properties.foreign_score,
    found: { total: found.total, ids: found.results.map(({ id }) => id) },
    linked: links.results.reduce((sum, { to }) => sum + to.length, 0),
    target: target.id,
  }),
)
