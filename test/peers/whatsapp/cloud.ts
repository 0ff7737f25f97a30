import { fileURLToPath } from 'node:url';
import { startChild } from '../../kit/child.ts';

interface TakenMessage {
  readonly id: string;
  readonly to: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** The double of the Cloud API (README.md), as tests steer it. */
export interface Cloud {
  /** `apiBase` of a trunk. */
  readonly apiBase: string;
  set(settings: object): Promise<void>;
  subscribe(url: string, verifyToken: string): Promise<void>;
  /** Somebody writes; its id. */
  inbound(from: string, message: object, name?: string): Promise<string>;
  /** When somebody is said to have written last. */
  heard(from: string, atMs: number): Promise<void>;
  /** A file that messages may name. */
  addMedia(mimeType: string, body: Buffer): Promise<{ id: string; mime_type: string; sha256: string }>;
  status(status: object): Promise<void>;
  taken(): Promise<{
    taken: TakenMessage[];
    readMarks: string[];
    refused: { code: number; path: string }[];
    outstanding: number;
  }>;
  stop(): Promise<void>;
}

export async function startCloud(): Promise<Cloud> {
  const child = startChild(process.execPath, [fileURLToPath(new URL('./cloud-process.ts', import.meta.url))]);
  await child.waitFor(/listening [0-9]+/);
  const port = /listening ([0-9]+)/.exec(child.output())?.[1];
  const ask = async <T>(action: string, body: object = {}): Promise<T> => {
    const response = await fetch(`http://127.0.0.1:${port}/_test/${action}`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${action}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  };
  return {
    apiBase: `http://127.0.0.1:${port}/v23.0`,
    set: (settings) => ask('settings', settings),
    subscribe: (url, verifyToken) => ask('subscribe', { url, verifyToken }),
    inbound: async (from, message, name) => (await ask<{ id: string }>('inbound', { from, message, name })).id,
    heard: (from, atMs) => ask('heard', { from, atMs }),
    addMedia: (mimeType, body) => ask('media', { mimeType, base64: body.toString('base64') }),
    status: (status) => ask('status', status),
    taken: () => ask('taken'),
    stop: () => child.stop(),
  };
}
