import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import type { Readable, Writable } from 'node:stream'
import type { Chromium } from './chromium.ts'

const QUIET = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--window-size=1400,1600',
]

export interface BrowserPage {
  open(url: string): Promise<void>
  /** Makes the window of another size than 1400 × 1600 pixels. */
  resize(width: number, height: number): Promise<void>
  /** What the page shows now, as text. */
  text(): Promise<string>
  /** What the page shows now, as a PNG of the window or of a part of it, in pixels. */
  picture(part?: { readonly x: number; readonly y: number; readonly width: number; readonly height: number }): Promise<Buffer>
  close(): Promise<void>
}

/** One page of a browser without a window, driven by the DevTools protocol over pipes. */
export async function browserPage({ program, args, env }: Chromium): Promise<BrowserPage> {
  const profile = await mkdtemp(path.join(os.tmpdir(), 'pgmove-browser-'))
  const child = spawn(program, [...QUIET, ...args, `--user-data-dir=${profile}`, '--remote-debugging-pipe', 'about:blank'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const call = protocol(child.stdio[3] as Writable, child.stdio[4] as Readable)
  const { targetInfos } = (await call('Target.getTargets')) as { targetInfos: { type: string; targetId: string }[] }
  const targetId = targetInfos.find(({ type }) => type === 'page')?.targetId
  const { sessionId } = (await call('Target.attachToTarget', { targetId, flatten: true })) as { sessionId: string }
  return {
    open: async (url) => {
      await call('Page.navigate', { url }, sessionId)
    },
    resize: async (width, height) => {
      await call('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false }, sessionId)
    },
    text: async () => {
      // Not innerText: the timeline is an SVG. Markdown is shown in a frame of its own.
      const expression = `[document.body?.textContent, ...[...document.querySelectorAll('iframe')].map((frame) => frame.srcdoc + frame.contentDocument?.body?.textContent)].join(' ')`
      const { result } = (await call('Runtime.evaluate', { expression }, sessionId)) as { result: { value?: string } }
      return result.value ?? ''
    },
    picture: async (part) => {
      const clip = part && { clip: { ...part, scale: 1 } }
      const { data } = (await call('Page.captureScreenshot', { format: 'png', ...clip }, sessionId)) as { data: string }
      return Buffer.from(data, 'base64')
    },
    close: async () => {
      child.kill('SIGTERM')
      await ended
      await rm(profile, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

type Call = (method: string, params?: object, sessionId?: string) => Promise<unknown>

/** Messages are JSON, each ended by a zero byte. */
function protocol(input: Writable, output: Readable): Call {
  const open = new Map<number, (answer: { result?: unknown; error?: { message: string } }) => void>()
  let rest = ''
  output.setEncoding('utf8').on('data', (chunk: string) => {
    const messages = (rest + chunk).split('\0')
    rest = messages.pop() ?? ''
    for (const text of messages) {
      const message = JSON.parse(text) as { id?: number; result?: unknown; error?: { message: string } }
      if (message.id !== undefined) open.get(message.id)?.(message)
    }
  })
  output.once('close', () => {
    for (const answer of open.values()) answer({ error: { message: 'the browser has ended' } })
  })
  let last = 0
  return (method, params = {}, sessionId) =>
    new Promise((resolve, reject) => {
      const id = ++last
      open.set(id, ({ result, error }) => {
        open.delete(id)
        if (error) reject(new Error(`${method}: ${error.message}`))
        else resolve(result)
      })
      input.write(`${JSON.stringify({ id, method, params, ...(sessionId ? { sessionId } : {}) })}\0`)
    })
}
