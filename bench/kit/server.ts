import { readdirSync, readFileSync } from 'node:fs';
import type { Child } from '../../test/kit/child.ts';

/** A server under measurement. */
export interface Server {
  readonly name: string;
  readonly port: number;
  readonly child: Child;
  stop(): Promise<void>;
}

/** Clock ticks a second in /proc figures: USER_HZ, 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** The processes of a server's group: the child is the leader of its own. */
function groupOf(leader: number): number[] {
  const members: number[] = [];
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    const fields = statFields(pid);
    if (fields !== undefined && Number(fields[2]) === leader) members.push(pid);
  }
  return members;
}

/** Fields of /proc/PID/stat after the command name: state, ppid, pgrp, … (proc(5)). */
function statFields(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

export interface CpuTime {
  readonly userUs: number;
  readonly systemUs: number;
}

/** CPU time of each of the server's processes, in microseconds (grain 10 ms). */
export function cpuTimes(server: Server): ReadonlyMap<number, number> {
  const times = new Map<number, number>();
  for (const pid of groupOf(server.child.pid)) {
    const fields = statFields(pid);
    if (fields !== undefined) times.set(pid, ((Number(fields[11]) + Number(fields[12])) * 1e6) / TICKS_PER_SECOND);
  }
  return times;
}

/** CPU time that all processes of the machine have used, in microseconds. */
export function machineCpuUs(): number {
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0] = (
    readFileSync('/proc/stat', 'latin1').split('\n', 1)[0] ?? ''
  )
    .split(/ +/)
    .map(Number);
  return ((user + nice + system + irq + softIrq) * 1e6) / TICKS_PER_SECOND;
}

/** CPU time that the server's processes have used, in microseconds (grain 10 ms: measure over seconds). */
export function cpuTime(server: Server): CpuTime {
  let userTicks = 0;
  let systemTicks = 0;
  for (const pid of groupOf(server.child.pid)) {
    const fields = statFields(pid);
    if (fields === undefined) continue;
    userTicks += Number(fields[11]);
    systemTicks += Number(fields[12]);
  }
  return { userUs: (userTicks * 1e6) / TICKS_PER_SECOND, systemUs: (systemTicks * 1e6) / TICKS_PER_SECOND };
}

/** How often threads of the server's processes have gone to sleep of their own accord so far, and so been woken. */
export function wakeUps(server: Server): number {
  let count = 0;
  for (const pid of groupOf(server.child.pid)) {
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      try {
        const text = readFileSync(`/proc/${pid}/task/${task}/status`, 'latin1');
        count += Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(text)?.[1] ?? 0);
      } catch {
        // It ended meanwhile.
      }
    }
  }
  return count;
}

/** Memory that the server's processes hold: proportional set size, so that pages shared by forked workers count once. */
export function memoryMegabytes(server: Server): number {
  let kilobytes = 0;
  for (const pid of groupOf(server.child.pid)) {
    try {
      const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
      kilobytes += Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0);
    } catch {
      // It ended meanwhile.
    }
  }
  return kilobytes / 1024;
}
