import { start } from '../ui/mount';
import Login from './Login.svelte';

start(Login, 'login.document');
