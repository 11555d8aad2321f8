/** Starts a daemon with a container and prints the path of its namespace, then waits to be killed. */
import { image, startDockerd } from '../support/dockerd.ts';

const { docker, netns } = await startDockerd();
await docker('run', '-d', image, 'sleep', 'infinity');
console.log(netns);
setInterval(() => {}, 1000);
