import { sequencesInScope } from '../cutover/sequences-in-scope.ts'
import { qualified } from '../postgres/quote.ts'
import type { Check } from './check.ts'
import { passed, warning } from './finding.ts'
import { nameList } from './table-lists.ts'

const NEAR = 0.9

/** The move is the cheapest moment to widen a key: afterwards it is as near its end as before. */
export const sequencesNearEnd: Check = {
  name: 'sequences_near_end',
  expected: 'no selected sequence has used more than 90 % of its values',
  run: async ({ source, spec, names }) => {
    const rows = await source.query<{ schema: string; name: string; used: string }>(
      `select schemaname as schema, sequencename as name,
              round(100 * case when increment_by > 0 then (last_value - min_value) / nullif(max_value::numeric - min_value, 0)
                               else (max_value - last_value) / nullif(max_value::numeric - min_value, 0) end) as used
         from (select s.* from pg_sequences s
                 join json_to_recordset($1::json) as x (schema text, name text) on x.schema = s.schemaname and x.name = s.sequencename
               -- the view opens the sequence each time that its last_value is mentioned
               offset 0) s
        where last_value is not null and not cycle
          and case when increment_by > 0 then last_value - min_value > $2::numeric * (max_value::numeric - min_value)
                   else max_value - last_value > $2::numeric * (max_value::numeric - min_value) end
        order by 1, 2`,
      [nameList(await sequencesInScope(source, spec, names)), String(NEAR)],
    )
    if (rows.length === 0) return passed('none that the role may read')
    return warning(
      `${rows.length} near their end`,
      'Soon an INSERT will fail, here and on the target: "alter sequence … as bigint no maxvalue", and its column "type bigint".',
      rows.map(({ schema, name, used }) => `${qualified(schema, name)} (${used} %)`),
    )
  },
}
