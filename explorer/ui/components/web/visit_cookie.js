// Hold a visit's key in a session cookie of this browser, which goes to this server alone and into no link.
// "held" is said where the browser holds another key, of a tab that was earlier, or none, because it takes no cookies.
let told;

export default function ({ data: [data], setStateValue }) {
  const held = () => document.cookie.split("; ").find((one) => one.startsWith(`${data.name}=`))?.slice(data.name.length + 1) ?? "";
  if (!/^[A-Za-z0-9_-]{22}$/.test(held())) {
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `${data.name}=${data.visit}; Path=${data.path}; SameSite=Strict${secure}`;
  }
  if (held() === data.visit || held() === told) return;
  told = held();
  setStateValue("held", told);
}
