import { launchChromium } from "./chromium.mjs";
const [url, out, scheme="light", width="1280", height="900", wait="20000"]=process.argv.slice(2);
const b=await launchChromium(); const p=await b.newPage({viewport:{width:+width,height:+height},colorScheme:scheme});
p.on("console",m=>console.log("console:",m.text())); p.on("pageerror",e=>console.log("pageerror:",e.message)); p.on("requestfailed",r=>console.log("failed",r.url()));
await p.goto(url); await p.waitForTimeout(+wait); await p.screenshot({path:out,fullPage:true}); await b.close();
