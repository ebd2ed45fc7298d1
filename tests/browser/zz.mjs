import { startDemo } from './lib/product.mjs';
import { chromiumSeat } from './lib/browsers.mjs';
import { holdLesson } from './lib/lesson.mjs';
const t = { after(){} };
const demo = await startDemo('dbg', { minutes: 3, startsIn_s: 0 });
const rooms=[];
for (let i=0;i<3;i++){ const d = await chromiumSeat('room'+(i+1)); await d.open(demo.said.displays[i].url); rooms.push(d); }
const te = await chromiumSeat('teacher', { size:{width:1366,height:768}});
await te.open(demo.said.base_url+'/login');
await te.page.evaluate(async a=>{ await fetch('/api/login',{method:'POST',headers:{'content-type':'application/json'},body:JSON.stringify(a)}); }, {user:demo.said.teacher.user,password:demo.said.teacher.password});
await te.open(demo.said.teacher.url);
await new Promise(r=>setTimeout(r,12000));
await te.page.screenshot({path:'/tmp/teacher.png'});
await rooms[0].page.setViewportSize({width:1920,height:1080});
await new Promise(r=>setTimeout(r,1000));
await rooms[0].page.screenshot({path:'/tmp/display.png'});
console.log(JSON.stringify(await te.evaluate(()=>({slots:window.__tongke?.slots, vids:[...document.querySelectorAll('video')].map(v=>[v.dataset.slot,v.dataset.seat,v.videoWidth,v.videoHeight,v.currentTime])}))));
console.log(JSON.stringify((await te.evaluate(()=>window.__tongke?.state))).slice(0,3000));
for (const r of [...rooms,te]) await r.close(); await demo.stop();
