import { useMemo } from 'preact/hooks';
import { encode } from 'uqr';

/** A text as a picture that a phone's camera reads: dark on light whatever the theme, as not every camera reads the reverse. */
export function QrCode({ text, label }: { readonly text: string; readonly label: string }) {
  const { size, path } = useMemo(() => drawn(text), [text]);
  return (
    <svg class="qr-code" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={label} shape-rendering="crispEdges">
      <rect width={size} height={size} fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  );
}

/** A rectangle for each run of dark modules in a row. The quiet zone around is part of the code (ISO/IEC 18004 §6.3.8). */
function drawn(text: string): { readonly size: number; readonly path: string } {
  const { data, size } = encode(text, { ecc: 'M', border: 4 });
  const runs: string[] = [];
  for (const [y, row] of data.entries()) {
    for (let x = 0; x < row.length; x++) {
      if (row[x] !== true) continue;
      const from = x;
      while (row[x + 1] === true) x++;
      runs.push(`M${from} ${y}h${x - from + 1}v1H${from}z`);
    }
  }
  return { size, path: runs.join('') };
}
