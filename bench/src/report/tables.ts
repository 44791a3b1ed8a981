// Sections as tables for a terminal.

import Table from 'cli-table3';
import { showPlain } from './figures.ts';
import type { Section } from './section.ts';

export function showSection(section: Section): string {
  const parts = [`\n${section.title}`];
  if (section.rows.length > 0) {
    const table = new Table({
      head: section.columns.map((column) => column.title),
      colAligns: section.columns.map((_, position) => (position === 0 ? 'left' : 'right')),
      style: { head: [], border: [], compact: true },
    });
    for (const row of section.rows) {
      table.push(
        section.columns.map((column) => (column.show ?? showPlain)(row[column.key]) || '-'),
      );
    }
    parts.push(table.toString());
  }
  return [...parts, ...section.notes.map((note) => `  ${note}`)].join('\n');
}
