// `npm run screenshots`: takes the documents' pictures of the Web UI and of the report from a real run, into docs/images.
import { Ends } from '../ends.ts'
import { takeScreenshots } from './take-screenshots.ts'

const ends = new Ends()
try {
  await takeScreenshots(ends)
} finally {
  await ends.end()
}
