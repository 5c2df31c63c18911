import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { addAbortCutover, addPause, addRate, addRerunPrecheck, addResolve, addResume } from './steer.ts'
import { addCancel } from './cancel.ts'
import { addCheck } from './check.ts'
import { addCleanUp } from './clean-up.ts'
import { addCodecServer } from './codec-server.ts'
import { addCutover } from './cutover.ts'
import { addInit } from './init.ts'
import { addList } from './list.ts'
import { addReport } from './report.ts'
import { addSetup } from './setup.ts'
import { addStart } from './start.ts'
import { addStatus } from './status.ts'
import { addValidate } from './validate.ts'
import { addWait } from './wait.ts'
import { addWorker } from './worker.ts'

type AddCommand = (program: Command, cli: Cli) => void

/** Every command, in the order of `--help`. */
export const COMMANDS: readonly (readonly [group: string, commands: readonly AddCommand[]])[] = [
  ['Begin:', [addInit, addCheck, addStart]],
  ['Look:', [addList, addStatus, addWait, addReport, addValidate]],
  ['Steer:', [addPause, addResume, addResolve, addRate, addRerunPrecheck]],
  ['End:', [addCutover, addAbortCutover, addCancel]],
  ['Run:', [addWorker, addSetup, addCleanUp, addCodecServer]],
]
