/** Which strings V8 has in its table of unique ones, as a process of its own sees them after a script. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * Those that begin so. The script is a module that leaves what is to be kept in `globalThis.kept`; its imports are relative to `test/kit/`.
 * What it writes with such a beginning in a literal is there too.
 */
export function uniqueStringsAfter(script: string, beginning: string): string[] {
  const counting = `
    const { getHeapSnapshot } = await import('node:v8');
    let json = '';
    for await (const part of getHeapSnapshot().setEncoding('utf8')) json += part;
    const { nodes, edges, strings, snapshot } = JSON.parse(json);
    const { node_fields: fields, edge_fields: edgeFields } = snapshot.meta;
    const nameOf = (node) => strings[nodes[node + fields.indexOf('name')]];
    const found = [];
    for (let node = 0, edge = 0; node < nodes.length; node += fields.length) {
      const end = edge + nodes[node + fields.indexOf('edge_count')];
      if (nameOf(node) === '(Internalized strings)')
        for (let each = edge; each < end; each++)
          found.push(nameOf(edges[each * edgeFields.length + edgeFields.indexOf('to_node')]));
      edge = end;
    }
    console.log(JSON.stringify(found.filter((text) => text.startsWith(${JSON.stringify(beginning)}))));
  `;
  const printed = execFileSync(process.execPath, ['--input-type=module', '--eval', script + counting], {
    encoding: 'utf8',
    cwd: fileURLToPath(new URL('.', import.meta.url)),
  });
  return JSON.parse(printed) as string[];
}
