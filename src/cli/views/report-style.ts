/** The style of the report's page: light or dark as the reader's system is, light on paper. */
export const REPORT_STYLE = `
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1c2330; --soft: #5b6577; --line: #dfe3ea; --panel: #f5f7fa;
  --bar: #3467c4; --span: #dbe6fa; --good: #1a7f43; --warn: #96600a; --bad: #b3261e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14181f; --ink: #e4e8ef; --soft: #9aa5b8; --line: #2e3643; --panel: #1c222c;
    --bar: #7ba4f0; --span: #26344f; --good: #5cc487; --warn: #e0ad55; --bad: #f2847c;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 2rem 1.25rem 3rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2.25rem 0 .75rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line); }
h3 { font-size: .95rem; margin: 1.25rem 0 .4rem; }
p { margin: .4rem 0; overflow-wrap: anywhere; }
.soft { color: var(--soft); }
.good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem; margin: 1.5rem 0 0; }
.card { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; padding: .7rem .9rem; }
.card b { display: block; font-size: 1.3rem; line-height: 1.3; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.card span { color: var(--soft); font-size: .85rem; }
.row { display: grid; grid-template-columns: minmax(8rem, 17rem) 1fr 6.5rem; gap: .1rem .9rem; align-items: center; padding: .12rem 0; break-inside: avoid; }
.wide .row { grid-template-columns: minmax(8rem, 17rem) 1fr 14rem; }
.row .name { overflow-wrap: anywhere; line-height: 1.3; }
.row .value { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.row svg { display: block; width: 100%; height: 1.1rem; overflow: visible; }
.axis { color: var(--soft); font-size: .8rem; }
.axis .ticks { display: flex; justify-content: space-between; }
rect.track { fill: var(--panel); } rect.span { fill: var(--span); } rect.bar { fill: var(--bar); }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th { color: var(--soft); font-weight: 600; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.scroll { overflow-x: auto; } .scroll table { min-width: 38rem; }
ul { margin: .4rem 0; padding-left: 1.2rem; }
li { margin: .25rem 0; overflow-wrap: anywhere; }
code { font: .88em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
footer { margin-top: 2.5rem; color: var(--soft); font-size: .85rem; }
@media (max-width: 40rem) {
  body { padding: 1.25rem .9rem 2rem; }
  .row, .wide .row { grid-template-columns: 1fr max-content; padding: .3rem 0; }
  .row svg, .row .ticks { grid-column: 1 / -1; grid-row: 2; }
  .row .value { grid-column: 2; grid-row: 1; }
}
@media print {
  :root { color-scheme: light; --paper: #fff; --ink: #000; --soft: #444; --line: #ccc; --panel: #f3f3f3; --bar: #3467c4; --span: #dbe6fa;
    --good: #14652f; --warn: #7a4d05; --bad: #8f1d17; }
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  h2 { break-after: avoid; } tr, li, .card { break-inside: avoid; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
`
