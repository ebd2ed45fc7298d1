import { start } from '../ui/mount';
import Start from './Start.svelte';

start(Start, 'start.title');
